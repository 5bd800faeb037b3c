# HAProxy with docker/haproxy.cfg.
#
#     buildah bud -f docker/edge.Dockerfile -t gusp/edge .

FROM docker.io/library/debian:bookworm-slim
ARG SOURCES=
COPY docker/packages-edge.txt docker/apt.sh /tmp/
RUN sh /tmp/apt.sh "$SOURCES" /tmp/packages-edge.txt \
    && rm /tmp/apt.sh /tmp/packages-edge.txt
COPY docker/haproxy.cfg /etc/haproxy/haproxy.cfg
ENV GUSP_NODES=api
USER 10003:10003
EXPOSE 8080 8443
# Stop taking, finish what runs.
STOPSIGNAL SIGUSR1
ENTRYPOINT ["haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"]
