# fmt: off
"""Asks Docward to review a document, from any system that holds a key: one object, then one signed command."""
import asyncio, hmac, json, os, uuid  # noqa: E401, I001  # thirty lines in all
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from aiokafka import AIOKafkaProducer
env, command, document = os.environ, str(uuid.uuid4()), str(uuid.uuid4())
doc = b"# Pairs strategy\n\n## 1 Limits\n\nOrders are capped at an appropriate value, see Appendix D.\n"
place = Path(env["DOCWARD_OBJECTS__URL"].removeprefix("file://"), "uploads", command)
place.parent.mkdir(parents=True, exist_ok=True)
place.write_bytes(doc)  # the object first, then the command that refers to it
ref = {"uri": f"uploads/{command}", "sha256": sha256(doc).hexdigest(), "size": len(doc), "media_type": "text/markdown"}
body = json.dumps({"title": "Pairs strategy", "filename": "pairs.md", "original": ref}).encode()
said = {"id": command, "source": "/pairs", "subject": f"document:{document}", "type": "submit-document"}
said["time"] = datetime.now(UTC).isoformat()
head = {"actor": {"subject": "pairs", "roles": ["contributor"]}, "alg": "HS256", "kid": env["DOCWARD_SIGNING__KEY_ID"]}
claim = said | {"sha256": sha256(body).hexdigest()}
parts = [json.dumps(part, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() for part in (head, claim)]
protected, payload = (urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
mac = hmac.digest(bytes.fromhex(env["DOCWARD_SIGNING__KEY"]), f"{protected}.{payload}".encode(), "sha256")
said |= {"specversion": "1.0", "actor": f"{protected}..{urlsafe_b64encode(mac).decode().rstrip('=')}"}  # detached JWS
headers = [("content-type", b"application/json"), *((f"ce_{name}", value.encode()) for name, value in said.items())]
async def publish() -> None:
    async with AIOKafkaProducer(bootstrap_servers=env["DOCWARD_KAFKA__BOOTSTRAP_SERVERS"], acks="all") as producer:
        topic = env.get("DOCWARD_KAFKA__TOPIC_PREFIX", "") + "document-commands"
        await producer.send_and_wait(topic, body, document.encode(), headers=headers)  # murmur2, as Kafka's own clients
asyncio.run(publish())
print(command)  # noqa: T201  # the outcome appears at GET /api/v1/operations/{command}
