# PostgreSQL with PostGIS, prepared for the API: roles, extensions, passwords.
#
#     buildah bud -f docker/database.Dockerfile -t gusp/database .

FROM docker.io/library/debian:bookworm-slim
ARG SOURCES=
COPY docker/packages-database.txt docker/apt.sh /tmp/
# The package would make a cluster of its own.
RUN install -d /etc/postgresql-common \
    && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf \
    && groupadd --system --gid 10002 postgres \
    && useradd --system --uid 10002 --gid 10002 --home-dir /var/lib/postgresql \
        --shell /usr/sbin/nologin postgres \
    && sh /tmp/apt.sh "$SOURCES" /tmp/packages-database.txt \
    && rm /tmp/apt.sh /tmp/packages-database.txt \
    && dpkg-query -W > /usr/share/gusp-packages.txt \
    && install -d -m 0700 -o 10002 -g 10002 /var/lib/postgresql/data
COPY migrations/prepare.sql /usr/share/gusp/prepare.sql
COPY docker/database.sh /usr/share/gusp/database.sh

ENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin LC_ALL=C.UTF-8
USER 10002:10002
VOLUME /var/lib/postgresql/data
EXPOSE 5432
# A fast shutdown; SIGTERM would wait for every client.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s --retries=5 \
    CMD ["pg_isready", "-q", "-h", "127.0.0.1", "-d", "gusp"]
ENTRYPOINT ["bash", "/usr/share/gusp/database.sh"]
