# One image per service: docker build --build-arg SERVICE=gateway -t docward-gateway .
#
# An image holds a virtual environment with one service, the libraries it names and their dependencies, each at the
# version and with a hash of requirements.lock; no other service, no local stack, no command line, no build or
# development tool. It runs as an unprivileged user, and writes to /tmp and the object store's folder only.

ARG SERVICE

FROM python:3.11-slim-bookworm AS build
ENV PYTHONDONTWRITEBYTECODE=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_NO_PROGRESS=1 \
    UV_PYTHON_DOWNLOADS=never
# What is written in C is built where it is used, by the compiler of the base image's release.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install -y --no-install-recommends gcc libc6-dev && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY deploy/image/build.lock deploy/image/
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore \
        --require-hashes --only-binary :all: -r deploy/image/build.lock
COPY requirements.lock ./
COPY libs/events libs/events
COPY libs/runtime libs/runtime
COPY libs/reports libs/reports
COPY policies policies
ARG SERVICE
COPY services/${SERVICE} services/${SERVICE}
# Members become wheels, and the wheels go in with hashes of their own: `--require-hashes` then holds for every single
# package, and a dependency that the lock does not know fails the build.
RUN for member in libs/events libs/runtime libs/reports "services/${SERVICE}"; do \
        uv build --quiet --wheel --no-sources --no-build-isolation --python /usr/local/bin/python \
            --out-dir /wheels "${member}" || exit 1; \
    done && \
    sha256sum /wheels/*.whl > /wheels/sums && \
    sed -E 's/^([0-9a-f]+) +(.+)$/\2 --hash=sha256:\1/' /wheels/sums > /wheels/members.txt
RUN uv venv --quiet --python /usr/local/bin/python /opt/docward && \
    uv pip install --quiet --python /opt/docward/bin/python --require-hashes --only-binary :all: --no-sources \
        -c requirements.lock -r /wheels/members.txt && \
    uv pip check --quiet --python /opt/docward/bin/python && \
    /opt/docward/bin/python -c "import docward.${SERVICE}.app"

FROM python:3.11-slim-bookworm AS runtime
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin docward && \
    install -d -o docward -g docward /var/lib/docward/objects
ENV PATH=/opt/docward/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    DOCWARD_HTTP__HOST=0.0.0.0 \
    DOCWARD_HTTP__PORT=8080
COPY --from=build /opt/docward /opt/docward
WORKDIR /var/lib/docward
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['DOCWARD_HTTP__PORT']}/health/ready\", timeout=4)"]

# An exec-form command knows no variables: each service has its own, and a name without a stage fails the build.
FROM runtime AS service-gateway
CMD ["python", "-m", "docward.gateway"]

FROM runtime AS recognition
# Reads scanned pages. Debian's version goes with the base image's release, as the interpreter's libraries do.
USER 0
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install -y --no-install-recommends tesseract-ocr && \
    rm -rf /var/lib/apt/lists/*
USER 10001:10001

FROM recognition AS service-converter
CMD ["python", "-m", "docward.converter"]

FROM runtime AS service-analyzer
CMD ["python", "-m", "docward.analyzer"]

FROM runtime AS service-projector
CMD ["python", "-m", "docward.projector"]

# A stage of this file, not an image: it has no tag.
# hadolint ignore=DL3006
FROM service-${SERVICE}
ARG SERVICE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="docward-${SERVICE}" \
      org.opencontainers.image.description="Docward reviews the documentation of trading algorithms and indices: the ${SERVICE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
