#!/bin/sh
# Makes the keys that Go cannot encode itself, in this directory. The passphrase
# of all is "correct horse". Needs OpenSSL 3.
set -eu
cd "$(dirname "$0")"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out plain-key.pem
openssl req -x509 -new -key plain-key.pem -subj "/O=Example TPP/CN=openssl" -days 36500 -out openssl.pem
# PKCS#8 with PBES2: PBKDF2 with HMAC-SHA256 (OpenSSL's default), and scrypt.
openssl pkcs8 -topk8 -v2 aes-256-cbc -passout "pass:correct horse" -in plain-key.pem -out pbkdf2-key.pem
openssl pkcs8 -topk8 -scrypt -v2 aes-256-cbc -passout "pass:correct horse" -in plain-key.pem -out scrypt-key.pem
# PKCS#8 with PBES1, which is refused.
openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -passout "pass:correct horse" -in plain-key.pem -out pbes1-key.pem
# The old PEM encryption, which is refused.
openssl ec -aes256 -passout "pass:correct horse" -in plain-key.pem -out legacy-key.pem
# The whole as PKCS#12, and the request, which are refused.
openssl pkcs12 -export -inkey plain-key.pem -in openssl.pem -passout "pass:correct horse" -out openssl.p12
openssl req -new -key plain-key.pem -subj "/O=Example TPP/CN=openssl" -out request.pem
# A certificate signed with SHA-1, which Go no longer makes.
openssl req -x509 -new -sha1 -key plain-key.pem -subj "/O=Example TPP/CN=sha1" -days 36500 -out sha1.pem
