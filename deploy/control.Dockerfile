# The control plane: web, control loops, migrations. No torch, no transformers, no Node. Build from the repository's root:
#   docker build -f deploy/control.Dockerfile -t slipway-control .
FROM node:24-bookworm-slim AS frontend
WORKDIR /app
COPY package.json package-lock.json .npmrc tsconfig.json vite.config.ts ./
RUN npm ci --no-audit --no-fund
COPY frontend_templates frontend_templates
COPY platform/controlplane platform/controlplane
RUN npm run build

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin slipway \
    && install -d -o slipway -g slipway -m 0700 /var/lib/slipway
ARG SLIPWAY_COMMIT=""
ENV SLIPWAY_COMMIT=$SLIPWAY_COMMIT
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app/platform:/app SLIPWAY_HOME=/var/lib/slipway
WORKDIR /app
COPY platform/requirements.txt platform/requirements.txt
RUN pip install --no-cache-dir -r platform/requirements.txt
COPY manage.py LICENSE ./
COPY platform platform
COPY workers workers
COPY docs/guide docs/guide
COPY docs/pictures docs/pictures
COPY --from=frontend /app/frontend_templates frontend_templates
RUN python platform/translations.py compile
USER slipway
VOLUME /var/lib/slipway
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
CMD ["python", "-m", "uvicorn", "controlplane.asgi:application", "--app-dir", "platform", "--host", "0.0.0.0", "--port", "8000", \
     "--ws", "websockets-sansio", "--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "25"]
