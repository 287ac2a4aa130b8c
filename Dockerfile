# The web page and the HTTP API in a container: docs/web.md says how to run it.

FROM python:3.13-slim AS build
WORKDIR /source
COPY requirements.txt ./
RUN python -m venv /opt/peft-sp \
    && /opt/peft-sp/bin/pip install --no-cache-dir --require-hashes --requirement requirements.txt
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY src src
RUN /opt/peft-sp/bin/pip install --no-cache-dir --no-deps . \
    && /opt/peft-sp/bin/pip check

FROM python:3.13-slim
COPY --from=build /opt/peft-sp /opt/peft-sp
# A volume that is made of an empty folder belongs to whom the folder belongs to.
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin peft-sp \
    && install --directory --owner peft-sp --mode 0700 /data
ENV PATH=/opt/peft-sp/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["peft-sp", "serve", "--host", "0.0.0.0", "--port", "8000", "--directory", "/data"]
