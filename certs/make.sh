#!/bin/bash
# Makes a throw-away certificate authority and leaf certificates for development and tests.
#
#   certs/make.sh DIR                                a leaf "server" for localhost
#   certs/make.sh DIR pbx=DNS:localhost,IP:127.0.0.1 other=DNS:other.test
#                                                    one leaf per NAME=SUBJECT-ALT-NAMES
#
# README: nothing made here is ever committed; keys live only in DIR, readable by you alone, and DIR may not be inside
# this folder. ECDSA P-256 throughout. DIR/ca.pem is what the other side has to trust; DIR/NAME.pem and DIR/NAME.key
# are what a server shows. Running it again keeps the authority and makes only the leaves that are missing.
# `ringfence dev` needs none of this: it makes its own.
set -euo pipefail

if [ $# -eq 0 ]; then sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; fi
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
case "$dir/" in "$here"/*) echo "certs/make.sh: $dir is inside the source tree; choose another folder" >&2; exit 2 ;; esac
command -v openssl >/dev/null || { echo "certs/make.sh: openssl is missing (apt-get install openssl)" >&2; exit 1; }
[ $# -gt 0 ] || set -- "server=DNS:localhost,IP:127.0.0.1,IP:::1"
umask 077
cd "$dir"

if [ ! -s ca.pem ]; then
  openssl ecparam -name prime256v1 -genkey -noout -out ca.key
  openssl req -x509 -new -key ca.key -sha256 -days 30 -subj "/CN=throw-away development CA" -out ca.pem \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign"
fi
for leaf in "$@"; do
  name=${leaf%%=*}
  names=${leaf#*=}
  if [ "$name" = "$leaf" ] || [ -z "$names" ]; then echo "certs/make.sh: want NAME=DNS:host,IP:address, got $leaf" >&2; exit 2; fi
  [ ! -s "$name.pem" ] || continue
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$name.key"
  openssl req -new -key "$name.key" -subj "/CN=$name" |
    openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -sha256 -out "$name.pem" 2>/dev/null -extfile <(
      printf 'subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n' "$names")
done
