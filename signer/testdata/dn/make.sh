#!/bin/sh
# Makes the certificates 06 and 07, if they are missing, and what OpenSSL, the
# JDK and python-cryptography make of their issuer and subject names:
# more-renderings.tsv. Needs openssl 3, java 17 and python3 with cryptography;
# run only to make the file anew.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# make FILE STRING-MASK: the names are read from stdin as a [dn] section.
make() {
	{
		printf '[req]\nprompt=no\ndistinguished_name=dn\nstring_mask=%s\nutf8=yes\n[dn]\n' "$2"
		cat
	} >"$tmp/c.cnf"
	[ -f "$1" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/k.pem" -out "$1" -config "$tmp/c.cnf" -days 36500 2>/dev/null
}
make 06-many-types.pem utf8only <<'EOF'
0.DC = example
1.DC = test
C = HU
jurisdictionC = HU
street = Fő utca 1; \"B\"
postalCode = 1011
serialNumber = 0042
title = Dr
GN = Anna
SN = Kovács
initials = A.
generationQualifier = Jr
dnQualifier = q=1
UID = u1
businessCategory = Private  Organization
pseudonym = \#hash first
organizationIdentifier = VATHU-1
x.1.2.3.4.5 = unknown type
emailAddress = a@b.example
OU = unit
+CN = multi + valued
+description = \  two spaces # \\ \"
EOF
make 07-string-types.pem 'MASK:0x804' <<'EOF'
C = PL
O = Bank Zażółć
CN = T61 or BMP
EOF

cat >"$tmp/Render.java" <<'EOF'
import java.io.*;
import java.security.cert.*;
import java.util.Map;
import javax.security.auth.x500.X500Principal;

public class Render {
    public static void main(String[] files) throws Exception {
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        for (String f : files) {
            X509Certificate c = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream(f));
            X500Principal p = c.getIssuerX500Principal();
            out.println(f + "\tjava_getName_RFC2253\t" + p.getName());
            out.println(f + "\tjava_RFC2253_orgid_keyword\t" + p.getName("RFC2253", Map.of("2.5.4.97", "organizationIdentifier")));
            out.println(f + "\tjava_RFC1779\t" + p.getName("RFC1779"));
            out.println(f + "\tjava_toString\t" + p.toString());
        }
    }
}
EOF
for f in 06-*.pem 07-*.pem; do
	printf '%s\topenssl_default\t' "$f"
	openssl x509 -in "$f" -noout -issuer | sed 's/^issuer=//'
	printf '%s\topenssl_RFC2253\t' "$f"
	openssl x509 -in "$f" -noout -issuer -nameopt RFC2253 | sed 's/^issuer=//'
	printf '%s\topenssl_RFC2253_utf8\t' "$f"
	openssl x509 -in "$f" -noout -issuer -nameopt RFC2253,utf8,-esc_msb | sed 's/^issuer=//'
done >more-renderings.tsv
# JDK 17 reads the bytes of a BMPString as UTF-8 in RFC 2253 form (later ones do
# not), so those two lines are left out.
java "$tmp/Render.java" 06-*.pem 07-*.pem | grep -v '^07.*RFC2253' >>more-renderings.tsv
python3 - 06-*.pem 07-*.pem >>more-renderings.tsv <<'EOF'
import sys
from cryptography import x509
for f in sys.argv[1:]:
    print(f, "python_rfc4514", x509.load_pem_x509_certificate(open(f, "rb").read()).issuer.rfc4514_string(), sep="\t")
EOF
