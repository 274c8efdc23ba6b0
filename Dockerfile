# Corrigenda, ready to serve: docker build -t corrigenda . && docker run -p 8000:8000 corrigenda
#
# The database is named by CORRIGENDA_DATABASE_URL. Without it the ledger is an SQLite file in the
# volume /data.

FROM python:3.13-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PROJECT_ENVIRONMENT=/opt/corrigenda
WORKDIR /build
# The dependencies first: they change less often than the code does.
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --no-install-project --compile-bytecode
COPY LICENSE README.md ./
COPY alembic ./alembic
COPY schema ./schema
COPY app ./app
RUN uv sync --locked --no-dev --no-editable --compile-bytecode

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin corrigenda \
    && install --directory --owner=corrigenda --group=corrigenda --mode=0750 /data
COPY --from=build /opt/corrigenda /opt/corrigenda
ENV PATH=/opt/corrigenda/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CORRIGENDA_DATABASE_URL=sqlite:////data/ledger.sqlite3
USER corrigenda
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
# The migrations run first; they do nothing on a database that is current.
CMD ["sh", "-c", "corrigenda migrate && exec corrigenda serve --host 0.0.0.0 --port 8000"]
