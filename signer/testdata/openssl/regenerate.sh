#!/bin/sh
# Makes the signature vectors in vectors/ with OpenSSL 3 and POSIX tools only,
# so that they do not depend on the code they test: signing strings are written
# out by hand below, and digests, serial numbers, names, fingerprints and
# signatures come from OpenSSL.
#
# Keys and certificates are made when they are missing and kept otherwise. With
# the same keys, RSA PKCS#1 v1.5 vectors come out the same byte for byte; those
# of RSA-PSS and ECDSA differ each time and serve for verification only.
set -eu
cd "$(dirname "$0")"
mkdir -p vectors
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

issuer='/C=XX/O=Test QTSP S.A./CN=Test QSEAL CA 1'
subject='/C=XX/O=Test TPP/organizationIdentifier=PSDXX-NCA-12345/CN=Test TPP QSEAL'

# identity NAME SERIAL GENPKEY-OPTIONS...
identity() {
	name=$1 serial=$2
	shift 2
	[ -f "$name-key.pem" ] || openssl genpkey -out "$name-key.pem" "$@" 2>/dev/null
	if [ ! -f "$name-cert.pem" ]; then
		openssl req -x509 -new -newkey rsa:2048 -nodes -keyout "$tmp/ca.pem" -out "$tmp/ca-cert.pem" -subj "$issuer" -days 36500 2>/dev/null
		openssl req -new -key "$name-key.pem" -subj "$subject" -out "$tmp/req.pem"
		openssl x509 -req -in "$tmp/req.pem" -CA "$tmp/ca-cert.pem" -CAkey "$tmp/ca.pem" -set_serial "$serial" -days 36500 -out "$name-cert.pem" 2>/dev/null
	fi
}
identity rsa 0xD9EA0F32EA92D2 -algorithm RSA -pkeyopt rsa_keygen_bits:2048
identity p256 0x0A -algorithm EC -pkeyopt ec_paramgen_curve:P-256
identity p384 0x80 -algorithm EC -pkeyopt ec_paramgen_curve:P-384

b64() { openssl base64 -A; }
digest() { printf %s "$2" | openssl dgst "-$1" -binary | b64; }        # HASH TEXT
serial() { openssl x509 -in "$1-cert.pem" -noout -serial | cut -d= -f2; } # upper case, whole bytes
serial_hex() { serial "$1" | tr A-F a-f | sed 's/^0//'; }
serial_dec() { printf %d "0x$(serial "$1")"; }
dn() { openssl x509 -in "$1-cert.pem" -noout "-$2" -nameopt RFC2253 | sed "s/^$2=//"; } # KEY issuer|subject
der() { openssl x509 -in "$1-cert.pem" -outform DER | b64; }
pemline() { tr -d '\n' <"$1-cert.pem"; }
fingerprint() { openssl x509 -in "$1-cert.pem" -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1; }
fingerprint_pem() { openssl x509 -in "$1-cert.pem" | openssl dgst -sha256 -r | cut -d' ' -f1; }
colons() { sed 's/../&:/g; s/:$//'; }

# raw BYTES: an ASN.1 ECDSA signature on stdin as r and s side by side, each
# BYTES long.
raw() {
	openssl asn1parse -inform DER | sed -n 's/.*INTEGER *:\([0-9A-F]*\)$/\1/p' |
		while read -r n; do
			while [ ${#n} -lt $(($1 * 2)) ]; do n=0$n; done
			printf '%s\n' "$n" | sed 's/../&\
/g'
		done | while read -r byte; do
			[ -z "$byte" ] || printf "\\$(printf %03o "0x$byte")"
		done
}

# sign KEY HASH KIND FILE: KIND is pkcs1, pss, der or raw.
sign() {
	case $3 in
	pss) openssl dgst "-$2" -sign "$1-key.pem" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -sigopt "rsa_mgf1_md:$2" "$4" | b64 ;;
	raw) openssl dgst "-$2" -sign "$1-key.pem" "$4" | raw 32 | b64 ;;
	*) openssl dgst "-$2" -sign "$1-key.pem" "$4" | b64 ;;
	esac
}

# vector NAME KEY HASH KIND writes vectors/NAME.txt from the variables
#   spec     the "signature" section of a profile
#   request  method, target, host, unix time and operation
#   headers  header lines as they stand before signing
#   body     the body, or empty
#   expect   headers that signing must set, but for the signature header
#   string   the signing string
#   header   the signature header, with @SIGNATURE@ for the signature
vector() {
	printf %s "$string" >"$tmp/string"
	signature=$(sign "$2" "$3" "$4" "$tmp/string")
	before=${header%@SIGNATURE@*} after=${header#*@SIGNATURE@}
	{
		printf '== key\n%s\n== kind\n%s\n== spec\n%s\n== request\n%s\n' "$2" "$4" "$spec" "$request"
		printf '== headers\n%s\n== body\n%s\n== expect\n%s\n' "$headers" "$body" "$expect"
		printf '== string\n%s\n== header\n%s%s%s\n' "$string" "$before" "$signature" "$after"
	} >"vectors/$1.txt"
}

date='Tue, 07 Jun 2022 20:51:35 GMT'
id=95126d8f-ae9d-4ac3-ac9e-c357dcd78811
json='{"instructedAmount":{"currency":"EUR","amount":"12345"}}'
empty=$(digest sha256 '')
sha256=$(digest sha256 "$json")
sha512=$(digest sha512 "$json")
sn_ca="SN=$(serial_hex rsa),CA=$(dn rsa issuer)"
common_headers="Date: $date
X-Request-ID: $id"

# What STET section 3.5 asks for, on a POST with the PSU present.
spec='{"signed":["(request-target)","date","x-request-id","digest?","content-type?","psu-*"]}'
request='POST /stet/psd2/v1.4.2/funds-confirmations?a=1&b=%2F bank.example 1700000000 funds-confirmations'
headers="$common_headers
Content-Type: application/json
PSU-User-Agent: Agent/1.0
Psu-Ip-Address: 192.0.2.7"
body=$json expect="Digest: SHA-256=$sha256"
string="(request-target): post /stet/psd2/v1.4.2/funds-confirmations?a=1&b=%2F
date: $date
x-request-id: $id
digest: SHA-256=$sha256
content-type: application/json
psu-ip-address: 192.0.2.7
psu-user-agent: Agent/1.0"
header="Signature: keyId=\"$sn_ca\",algorithm=\"rsa-sha256\",headers=\"(request-target) date x-request-id digest content-type psu-ip-address psu-user-agent\",signature=\"@SIGNATURE@\""
vector stet-post rsa sha256 pkcs1

# The same on a GET: no body, no PSU.
request='GET /stet/psd2/v1.4.2/accounts?page=2 bank.example 1700000000 accounts'
headers=$common_headers body= expect=
string="(request-target): get /stet/psd2/v1.4.2/accounts?page=2
date: $date
x-request-id: $id"
header="Signature: keyId=\"$sn_ca\",algorithm=\"rsa-sha256\",headers=\"(request-target) date x-request-id\",signature=\"@SIGNATURE@\""
vector stet-get rsa sha256 pkcs1

# A list of its own for one operation, and one for a method.
spec='{"signed":["date"],"signed_by_operation":{"funds-confirmations":["x-request-id","date"],"POST":["date","digest"]}}'
request='POST /f bank.example 1700000000 funds-confirmations'
string="x-request-id: $id
date: $date"
header="Signature: keyId=\"$sn_ca\",algorithm=\"rsa-sha256\",headers=\"x-request-id date\",signature=\"@SIGNATURE@\""
vector by-operation rsa sha256 pkcs1
request='POST /f bank.example 1700000000 other'
body=$json expect="Digest: SHA-256=$sha256"
string="date: $date
digest: SHA-256=$sha256"
header="Signature: keyId=\"$sn_ca\",algorithm=\"rsa-sha256\",headers=\"date digest\",signature=\"@SIGNATURE@\""
vector by-method rsa sha256 pkcs1

# Berlin Group 1.3: sorted, %20 in the name, the certificate in a header, the
# digest of nothing on a GET.
spec='{"signed":["x-request-id","digest","psu-id?","psu-corporate-id?","tpp-redirect-uri?","date"],"sort":true,"key_id":{"spaces":"percent"},"digest":{"empty":"hash"},"certificate":{"header":"TPP-Signature-Certificate"}}'
request='GET /v1/accounts bank.example 1700000000 accounts'
headers="$common_headers
PSU-ID: PSU-1234"
body= expect="Digest: SHA-256=$empty
TPP-Signature-Certificate: $(der rsa)"
string="date: $date
digest: SHA-256=$empty
psu-id: PSU-1234
x-request-id: $id"
header="Signature: keyId=\"$(printf %s "$sn_ca" | sed 's/ /%20/g')\",algorithm=\"rsa-sha256\",headers=\"date digest psu-id x-request-id\",signature=\"@SIGNATURE@\""
vector berlin-sorted rsa sha256 pkcs1

# Sorted with every PSU header, one of them demanded by name.
spec='{"signed":["x-request-id","psu-*","(request-target)","psu-id","date"],"sort":true,"key_id":"serial"}'
headers="$common_headers
PSU-User-Agent: a
PSU-ID: b
PSU-Accept: c"
expect=
string="(request-target): get /v1/accounts
date: $date
psu-accept: c
psu-id: b
psu-user-agent: a
x-request-id: $id"
header="Signature: keyId=\"$(serial_hex rsa)\",algorithm=\"rsa-sha256\",headers=\"(request-target) date psu-accept psu-id psu-user-agent x-request-id\",signature=\"@SIGNATURE@\""
vector sorted-psu rsa sha256 pkcs1

# The same headers unsorted: the one listed by name is not repeated.
spec='{"signed":["psu-id","date","psu-*"],"key_id":"serial"}'
string="psu-id: b
date: $date
psu-accept: c
psu-user-agent: a"
header="Signature: keyId=\"$(serial_hex rsa)\",algorithm=\"rsa-sha256\",headers=\"psu-id date psu-accept psu-user-agent\",signature=\"@SIGNATURE@\""
vector psu-named rsa sha256 pkcs1

# Separator with a space, a label that is not the algorithm's name.
spec='{"signed":["date"],"separator":", ","algorithm_label":"SHA256withRSA","key_id":{"serial":"hex-upper-padded"}}'
headers=$common_headers
string="date: $date"
header="Signature: keyId=\"SN=$(serial rsa),CA=$(dn rsa issuer)\", algorithm=\"SHA256withRSA\", headers=\"date\", signature=\"@SIGNATURE@\""
vector separator-label rsa sha256 pkcs1

# ING's application token: Authorization, SN= alone, the certificate as PEM on a line.
spec='{"container":"authorization","signed":["(request-target)","date","digest"],"key_id":{"form":"serial-prefixed","serial":"hex-upper-padded"},"certificate":{"header":"TPP-Signature-Certificate","form":"pem-line"}}'
request='POST /oauth2/token bank.example 1700000000 token'
body='grant_type=client_credentials'
expect="Digest: SHA-256=$(digest sha256 "$body")
TPP-Signature-Certificate: $(pemline rsa)"
string="(request-target): post /oauth2/token
date: $date
digest: SHA-256=$(digest sha256 "$body")"
header="Authorization: Signature keyId=\"SN=$(serial rsa)\",algorithm=\"rsa-sha256\",headers=\"(request-target) date digest\",signature=\"@SIGNATURE@\""
vector authorization rsa sha256 pkcs1

# BNP Paribas Fortis: parameters with brackets, host, URL with fingerprint.
spec='{"signed":["(request-target)","(created)","(expires)","host","x-request-id","digest"],"parameter_names":{"created":"(created)","expires":"(expires)"},"digest":{"empty":"hash"},"key_id":{"form":"certificate-url","url":"https://tpp.example/{fingerprint}.pem","fingerprint_colons":true}}'
request='GET /psd2/v1/accounts regulatory.api.bank.example 1700000000 accounts'
body= expect="Digest: SHA-256=$empty"
string="(request-target): get /psd2/v1/accounts
(created): 1700000000
(expires): 1700000060
host: regulatory.api.bank.example
x-request-id: $id
digest: SHA-256=$empty"
header="Signature: keyId=\"https://tpp.example/$(fingerprint rsa | colons).pem\",algorithm=\"rsa-sha256\",(created)=1700000000,(expires)=1700000060,headers=\"(request-target) (created) (expires) host x-request-id digest\",signature=\"@SIGNATURE@\""
vector created-brackets rsa sha256 pkcs1

# created quoted, a life of its own, parameters in another order, fingerprint of the PEM.
spec='{"signed":["(created)","(expires)"],"unquoted":["algorithm"],"expires_seconds":10,"parameters":["algorithm","expires","created","keyId","signature","headers"],"key_id":{"form":"certificate-url","url":"https://tpp.example/c_{fingerprint}","fingerprint_of":"pem"}}'
expect=
string="(created): 1700000000
(expires): 1700000010"
header="Signature: algorithm=rsa-sha256,expires=\"1700000010\",created=\"1700000000\",keyId=\"https://tpp.example/c_$(fingerprint_pem rsa)\",signature=\"@SIGNATURE@\",headers=\"(created) (expires)\""
vector created-quoted rsa sha256 pkcs1

# Rabobank and CBI Globe: SHA-512, its lower-case name, the decimal serial alone.
spec='{"signed":["date","digest","x-request-id"],"algorithm":"rsa-sha512","digest":{"algorithm":"SHA-512","prefix":"sha-512"},"key_id":{"form":"serial","serial":"decimal"}}'
request='POST /payments bank.example 1700000000 payments'
body=$json expect="Digest: sha-512=$sha512"
string="date: $date
digest: sha-512=$sha512
x-request-id: $id"
header="Signature: keyId=\"$(serial_dec rsa)\",algorithm=\"rsa-sha512\",headers=\"date digest x-request-id\",signature=\"@SIGNATURE@\""
vector sha512 rsa sha512 pkcs1

# Redsys' client form: decimal serial, subject, no spaces; label SHA-256.
spec='{"signed":["digest","x-request-id"],"algorithm_label":"SHA-256","key_id":{"serial":"decimal","name":"subject","dn":"openssl","spaces":"remove","percent_commas":true}}'
expect="Digest: SHA-256=$sha256"
string="digest: SHA-256=$sha256
x-request-id: $id"
header="Signature: keyId=\"SN=$(serial_dec rsa),CA=$(dn rsa subject | sed 's/ //g; s/,/%2C/g')\",algorithm=\"SHA-256\",headers=\"digest x-request-id\",signature=\"@SIGNATURE@\""
vector subject-decimal rsa sha256 pkcs1

# WSO2: the digest of {} on a GET; path only; keyid; no algorithm parameter.
spec='{"signed":["(request-target)","digest"],"request_target":"path","algorithm":"rsa-sha384","algorithm_label":"none","parameter_names":{"keyId":"keyid"},"digest":{"empty":"braces"},"key_id":"thumbprint"}'
request='GET /accounts?withBalance=true bank.example 1700000000 accounts'
body= expect="Digest: SHA-256=$(digest sha256 '{}')"
string="(request-target): get /accounts
digest: SHA-256=$(digest sha256 '{}')"
header="Signature: keyid=\"$(fingerprint rsa)\",headers=\"(request-target) digest\",signature=\"@SIGNATURE@\""
vector path-braces-sha384 rsa sha384 pkcs1

# host and content-length of a POST without a body; values that are repeated,
# surrounded by white space, and empty; a literal keyId that needs escapes.
spec='{"signed":["host","content-length","x-list","x-blank","x-empty"],"key_id":{"form":"literal","value":"a\\b \"c\""}}'
request='POST / bank.example:8443 1700000000 other'
headers="$common_headers
X-List:   one  
X-List: two, three
X-Blank: 	inner	tab 
X-Empty: "
expect=
string="host: bank.example:8443
content-length: 0
x-list: one, two, three
x-blank: inner	tab
x-empty: "
header='Signature: keyId="a\\b \"c\"",algorithm="rsa-sha256",headers="host content-length x-list x-blank x-empty",signature="@SIGNATURE@"'
vector values rsa sha256 pkcs1

# No Digest header at all; the certificate itself as keyId.
spec='{"signed":["date","content-length?"],"digest":{"algorithm":"none"},"key_id":"certificate"}'
request='DELETE /c bank.example 1700000000 other'
headers=$common_headers
string="date: $date"
header="Signature: keyId=\"$(der rsa)\",algorithm=\"rsa-sha256\",headers=\"date\",signature=\"@SIGNATURE@\""
vector no-digest rsa sha256 pkcs1

# The other algorithms.
spec='{"signed":["(request-target)","date"],"algorithm":"rsa-pss-sha256"}'
request='GET /x bank.example 1700000000 other'
string="(request-target): get /x
date: $date"
tail='headers="(request-target) date",signature="@SIGNATURE@"'
header="Signature: keyId=\"$sn_ca\",algorithm=\"hs2019\",$tail"
vector pss-sha256 rsa sha256 pss
spec='{"signed":["(request-target)","date"],"algorithm":"rsa-pss-sha384"}'
vector pss-sha384 rsa sha384 pss
spec='{"signed":["(request-target)","date"],"algorithm":"rsa-pss-sha512"}'
vector pss-sha512 rsa sha512 pss
spec='{"signed":["(request-target)","date"]}'
header="Signature: keyId=\"SN=$(serial_hex p256),CA=$(dn p256 issuer)\",algorithm=\"ecdsa-sha256\",$tail"
vector ecdsa-p256 p256 sha256 der
spec='{"signed":["(request-target)","date"],"ecdsa_encoding":"raw","key_id":{"serial":"hex-padded"}}'
header="Signature: keyId=\"SN=$(serial p256 | tr A-F a-f),CA=$(dn p256 issuer)\",algorithm=\"ecdsa-sha256\",$tail"
vector ecdsa-p256-raw p256 sha256 raw
spec='{"signed":["(request-target)","date"],"key_id":{"serial":"hex-der"}}'
header="Signature: keyId=\"SN=00$(serial_hex p384),CA=$(dn p384 issuer)\",algorithm=\"ecdsa-sha384\",$tail"
vector ecdsa-p384 p384 sha384 der
