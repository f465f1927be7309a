# A worker host: the zygote that runs the jobs, and the Celery worker that wakes it. No Django, no database. From the root:
#   docker build -f deploy/worker.Dockerfile -t slipway-worker .
# TORCH_INDEX names another package index to take torch from: one with the small build for CPUs, or one for your devices' driver.
FROM python:3.11-slim-bookworm
ARG TORCH_INDEX=
RUN useradd --uid 10002 --create-home --shell /usr/sbin/nologin slipway \
    && install -d -o slipway -g slipway -m 0700 /var/lib/slipway /run/slipway
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app SLIPWAY_HOME=/var/lib/slipway TMPDIR=/run/slipway
WORKDIR /app
COPY workers/requirements.txt workers/requirements.txt
RUN pip install --no-cache-dir ${TORCH_INDEX:+--no-deps --index-url "$TORCH_INDEX"} "$(grep '^torch==' workers/requirements.txt)" \
    && pip install --no-cache-dir -r workers/requirements.txt
COPY LICENSE ./
COPY workers workers
USER slipway
VOLUME /var/lib/slipway
ENV OMP_NUM_THREADS=1
CMD ["python", "-m", "workers.zygote"]
