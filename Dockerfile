# The image repeats the Makefile's own steps; tests/architecture/test_image.py keeps them the same.

FROM node:22.12.0-bookworm-slim AS assets
WORKDIR /srv/shardplan
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
RUN mkdir -p static/vendor
RUN cp node_modules/htmx.org/dist/htmx.min.js \
    node_modules/plotly.js-basic-dist-min/plotly-basic.min.js \
    node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2 \
    node_modules/@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2 \
    static/vendor/
RUN for font in inter noto-sans-arabic noto-sans-devanagari noto-sans-hebrew noto-sans-jp noto-sans-kr noto-sans-sc noto-sans-thai; do mkdir -p static/vendor/pdf/$font && cp node_modules/@fontsource/$font/unicode.json node_modules/@fontsource/$font/files/*-[46]00-normal.woff2 static/vendor/pdf/$font/; done

FROM python:3.11.11-slim-bookworm AS build
WORKDIR /srv/shardplan
RUN python3 -m venv .venv
COPY requirements/runtime.txt requirements/runtime.txt
RUN .venv/bin/pip install --require-hashes --disable-pip-version-check --no-compile --quiet -r requirements/runtime.txt
COPY app app
RUN .venv/bin/python -m compileall -q -j 0 .venv/lib app

FROM python:3.11.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --create-home shardplan
WORKDIR /srv/shardplan
COPY --from=build /srv/shardplan ./
COPY migrations migrations
COPY docs docs
COPY templates templates
COPY static static
COPY --from=assets /srv/shardplan/static/vendor static/vendor

# In a container the network decides who gets in: publish the port to loopback or behind a proxy.
ENV HOST=0.0.0.0 \
    PORT=8000 \
    SHARDPLAN_ALLOW_REMOTE=true \
    SHARDPLAN_DATABASE_URL=sqlite:////data/shardplan.db \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER shardplan
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD [".venv/bin/python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=2)"]
CMD [".venv/bin/python", "-m", "app.main"]
