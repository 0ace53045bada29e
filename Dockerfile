# One image, every process: the command says which (see docker-compose.yml and Procfile).
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv/alphapulse

COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt

COPY manage.py LICENSE ./
COPY alphapulse alphapulse
COPY apps apps
COPY config config

# Nothing is written into the image; the home holds only beat's schedule.
RUN useradd --system --create-home --home-dir /var/lib/alphapulse alphapulse
ENV ALPHAPULSE_HOME=/var/lib/alphapulse
USER alphapulse

CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "config.wsgi:application"]
