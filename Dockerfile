# Millésime in a container: the engine alone; DATABASE_URL names its PostgreSQL (15 or newer).
#
#   docker build -t millesime .
#   docker run --rm -e DATABASE_URL=postgresql://... millesime db upgrade
#   docker run -e DATABASE_URL=postgresql://... -p 8583:8583 -p 8080:8080 millesime
#
# The upgrade is for a new database and for each new version: until then the engine does not start.
# Without DATABASE_URL the embedded PostgreSQL runs inside, with its data in the volume below.

FROM python:3.14-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/millesime
WORKDIR /build
COPY requirements/runtime.lock requirements/build.lock requirements/
RUN /opt/millesime/bin/pip install --require-hashes --only-binary :all: -r requirements/runtime.lock
# Setuptools makes our own wheel in an environment that does not go into the image.
RUN python -m venv /opt/tools \
    && /opt/tools/bin/pip install --require-hashes --only-binary :all: -r requirements/build.lock
COPY pyproject.toml ./
COPY src src
COPY simulators simulators
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/millesime/bin/pip install --no-deps --no-index /dist/*.whl

FROM python:3.14-slim
LABEL org.opencontainers.image.title="Millésime"
RUN groupadd --system --gid 8583 millesime \
    && useradd --system --uid 8583 --gid millesime --home-dir /var/lib/millesime millesime \
    && install -d -o millesime -g millesime -m 0750 /var/lib/millesime
COPY --from=build /opt/millesime /opt/millesime
ENV PATH=/opt/millesime/bin:$PATH PYTHONUNBUFFERED=1 MILLESIME_DATA_DIR=/var/lib/millesime
USER millesime
WORKDIR /var/lib/millesime
VOLUME /var/lib/millesime
EXPOSE 8583 8080
# SIGTERM drains: what was received is answered. Give `docker stop` time for it.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["millesime"]
CMD ["serve", "--host", "0.0.0.0"]
