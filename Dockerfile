# Built by docker, podman or buildah: docker build -t wormhole .     docs/container.md says what it does.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends binutils gcc libc6-dev
# One environment has pip and what builds the wheel, and stays behind; the other has only what runs.
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/wormhole
WORKDIR /source
COPY requirements/all.txt requirements/build.txt requirements/
RUN /opt/build/bin/pip install --quiet --no-compile --require-hashes --only-binary=:all: -r requirements/build.txt \
    && /opt/build/bin/pip --python /opt/wormhole/bin/python install --quiet --no-compile --require-hashes --only-binary=:all: \
        -r requirements/all.txt
# Symbols for debuggers are a quarter of what was installed.
RUN find /opt/wormhole -name '*.so' -exec strip --strip-unneeded {} +
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY src src
# Dates and bytecode come out the same whenever it is built: bytecode names the source's hash and not its date.
ARG SOURCE_DATE_EPOCH=0
RUN export SOURCE_DATE_EPOCH WORMHOLE_COMPILE=1 \
    && /opt/build/bin/python -m hatchling build --target wheel --directory /wheel \
    && /opt/build/bin/pip --python /opt/wormhole/bin/python install --quiet --no-compile --no-deps --no-index /wheel/*.whl \
    && /opt/wormhole/bin/python -m compileall -qf --invalidation-mode unchecked-hash /opt/wormhole/lib \
    && find /opt/wormhole -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="wormhole" \
      org.opencontainers.image.description="An encrypted TCP tunnel: client proxy and server proxy" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/wormhole /opt/wormhole
# The status is for the health check. /dev/shm is the container's own, and writable where the root file system is not.
ENV PATH=/opt/wormhole/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    WORMHOLE_KEY_FILE=/etc/wormhole/key.yaml \
    WORMHOLE_STATUS=unix:/dev/shm/wormhole.sock
EXPOSE 8081
USER 1000:1000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/opt/wormhole/bin/python", "-P", "-m", "wormhole_tunnel.cli.container", "health"]
ENTRYPOINT ["/opt/wormhole/bin/python", "-P", "-m", "wormhole_tunnel.cli.container"]
CMD ["help"]
