# sh apt.sh SOURCES LIST: install a list of packages in an image. SOURCES are
# lines for sources.list, separated by ";" (an archive of a day, a mirror); if
# empty, those of the base image serve.
set -eu

if [ -n "$1" ]; then
    rm -f /etc/apt/sources.list.d/debian.sources
    echo "$1" | tr ';' '\n' > /etc/apt/sources.list
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
# The first word of a line is the package: see api/tools/deps.sh.
sed -e 's/#.*//' "$2" | awk 'NF { print $1 }' \
    | xargs apt-get -q -o Dpkg::Use-Pty=0 install -y --no-install-recommends
rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/log/apt \
    /var/log/dpkg.log
