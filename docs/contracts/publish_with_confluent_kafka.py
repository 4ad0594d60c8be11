# fmt: off
"""The same command with confluent-kafka: `publish_a_command.py` tells the steps; only the producer is another one."""
import hmac, json, os, uuid  # noqa: E401, I001  # thirty lines in all
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from confluent_kafka import Producer
env, command, document = os.environ, str(uuid.uuid4()), str(uuid.uuid4())
doc = b"# Pairs strategy\n\n## 1 Limits\n\nOrders are capped at an appropriate value, see Appendix D.\n"
place = Path(env["DOCWARD_OBJECTS__URL"].removeprefix("file://"), "uploads", command)
place.parent.mkdir(parents=True, exist_ok=True)
place.write_bytes(doc)
ref = {"uri": f"uploads/{command}", "sha256": sha256(doc).hexdigest(), "size": len(doc), "media_type": "text/markdown"}
body = json.dumps({"title": "Pairs strategy", "filename": "pairs.md", "original": ref}).encode()
said = {"id": command, "source": "/pairs", "subject": f"document:{document}", "type": "submit-document"}
said["time"] = datetime.now(UTC).isoformat()
head = {"actor": {"subject": "pairs", "roles": ["contributor"]}, "alg": "HS256", "kid": env["DOCWARD_SIGNING__KEY_ID"]}
claim = said | {"sha256": sha256(body).hexdigest()}
parts = [json.dumps(part, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() for part in (head, claim)]
protected, payload = (urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
mac = hmac.digest(bytes.fromhex(env["DOCWARD_SIGNING__KEY"]), f"{protected}.{payload}".encode(), "sha256")
said |= {"specversion": "1.0", "actor": f"{protected}..{urlsafe_b64encode(mac).decode().rstrip('=')}"}
headers: dict[str, str | bytes | None] = {"content-type": "application/json"}
headers |= {f"ce_{name}": value for name, value in said.items()}
servers = env["DOCWARD_KAFKA__BOOTSTRAP_SERVERS"]  # the default partitioner, CRC32, would misplace the command
producer = Producer({"bootstrap.servers": servers, "acks": "all", "partitioner": "murmur2_random"})
producer.produce(env.get("DOCWARD_KAFKA__TOPIC_PREFIX", "") + "document-commands", body, document, headers=headers)
if producer.flush(30): raise SystemExit("not acknowledged: send the same bytes again")  # noqa: E701
print(command)  # noqa: T201  # the outcome appears at GET /api/v1/operations/{command}
