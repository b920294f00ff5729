package diagnose

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-tpp/caddy-tpp/signer"
)

// mistake is one thing done wrong: by the client before signing, or by
// whatever is on the way afterwards.
type mistake struct {
	profile string // default berlin-group
	sign    func(*craft)
	send    func(*craft)
	certs   []string // default tpp
	code    Code
	says    string
}

func run(t *testing.T, tests map[string]mistake) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := berlin()
			profile := test.profile
			switch profile {
			case "bpce":
				c = bpce()
			case "":
				profile = "berlin-group"
			}
			if test.sign != nil {
				test.sign(c)
			}
			var certs []*x509.Certificate
			if test.certs == nil {
				test.certs = []string{"tpp"}
			}
			for _, s := range test.certs {
				certs = append(certs, seals()[s].cert)
			}
			if profile == "any" {
				profile = ""
			}
			got := judge(c.finish(t, test.send), profile, certs...)
			if got.Code != test.code || !strings.Contains(got.Sentence, test.says) || got.Valid != (test.code == Valid) {
				t.Errorf("got %s: %s\nwant %s: %s\nalso %v, notes %q", got.Code, got.Sentence, test.code, test.says, got.Also, got.Notes)
			}
			if text := string(must(json.Marshal(got))); strings.Contains(text, "192.0.2.1") {
				t.Errorf("a PSU's address is in %s", text)
			}
			if len(got.Also) > 0 {
				t.Errorf("more than the one mistake: %+v", got.Also)
			}
		})
	}
}

func keyID(change func(*signer.KeyID)) func(*craft) {
	return func(c *craft) {
		k := signer.KeyID{Spaces: "percent"}
		change(&k)
		c.keyID = must(signer.KeyIDFor(k, signer.Credentials{Certificate: c.seal.cert, ClientID: "PSDDE-BAFIN-123456"}))
	}
}

func TestValid(t *testing.T) {
	run(t, map[string]mistake{
		"berlin-group":         {code: Valid, says: "as berlin-group wants it"},
		"bpce":                 {profile: "bpce", code: Valid, says: "as bpce wants it"},
		"any":                  {profile: "any", code: Valid, says: "berlin-group"},
		"header's certificate": {certs: []string{}, code: Valid, says: "header TPP-Signature-Certificate"},
		"one of two":           {certs: []string{"other", "tpp"}, code: Valid, says: "qseal.pem"},
	})
}

func TestKeyID(t *testing.T) {
	run(t, map[string]mistake{
		"decimal serial":    {sign: keyID(func(k *signer.KeyID) { k.Serial = "decimal" }), code: KeyIDSerial, says: "serial number decimal, but berlin-group wants it hexadecimal in lower case"},
		"capital serial":    {sign: keyID(func(k *signer.KeyID) { k.Serial = "hex-upper" }), code: KeyIDSerial, says: "hexadecimal in capitals"},
		"padded serial":     {sign: keyID(func(k *signer.KeyID) { k.Serial = "hex-padded" }), code: KeyIDSerial, says: "whole bytes"},
		"other order":       {sign: keyID(func(k *signer.KeyID) { k.Reverse = true }), code: KeyIDOrder, says: "in the other order"},
		"other dialect":     {sign: keyID(func(k *signer.KeyID) { k.DN = "openssl" }), code: KeyIDDialect, says: "as OpenSSL (RFC 2253) writes it, but berlin-group wants it as Java (RFC 2253)"},
		"RFC 1779":          {profile: "bpce", sign: keyID(func(k *signer.KeyID) { k.DN, k.Spaces = "rfc1779", "keep" }), code: KeyIDDialect, says: "as RFC 1779 writes it"},
		"spaces kept":       {sign: keyID(func(k *signer.KeyID) { k.Spaces = "keep" }), code: KeyIDSpaces, says: "spaces kept, but berlin-group wants them written as %20"},
		"spaces removed":    {sign: keyID(func(k *signer.KeyID) { k.Spaces = "remove" }), code: KeyIDSpaces, says: "spaces removed"},
		"spaces as %20":     {profile: "bpce", sign: keyID(func(k *signer.KeyID) {}), code: KeyIDSpaces, says: "written as %20, but bpce wants them kept"},
		"subject":           {sign: keyID(func(k *signer.KeyID) { k.Name = "subject" }), code: KeyIDName, says: "certificate's subject, but berlin-group wants its issuer"},
		"commas":            {sign: keyID(func(k *signer.KeyID) { k.PercentCommas = true }), code: KeyIDCommas, says: "%2C"},
		"serial alone":      {sign: keyID(func(k *signer.KeyID) { k.Form = "serial" }), code: KeyIDForm, says: "keyId is the serial number alone, but berlin-group wants SN=…,CA=…"},
		"client_id":         {sign: keyID(func(k *signer.KeyID) { k.Form = "client-id" }), code: KeyIDForm, says: "keyId is not SN=…,CA=…, which berlin-group wants"},
		"another's serial":  {sign: func(c *craft) { c.keyID = strings.Replace(c.keyID, "abcdef1", "abcdef7", 1) }, code: KeyIDOther, says: "serial number of another certificate"},
		"another authority": {sign: func(c *craft) { c.keyID = "SN=abcdef1,CA=CN=Nobody,C=DE" }, code: KeyIDOther, says: "name of another authority"},
		"Go's rendering":    {sign: func(c *craft) { c.keyID = "SN=abcdef1,CA=" + c.seal.cert.Issuer.String() }, code: KeyIDOther, says: ""},
		"colons":            {sign: func(c *craft) { c.keyID = strings.Replace(c.keyID, "abcdef1", "0a:bc:de:f1", 1) }, code: KeyIDSerial, says: "with colons"},
		"former certificate": {sign: func(c *craft) {
			c.keyID = must(signer.KeyIDFor(signer.KeyID{Spaces: "percent"}, signer.Credentials{Certificate: seals()["renewed"].cert}))
		}, certs: []string{"tpp", "renewed"}, code: KeyIDOther, says: "keyId names another certificate"},
	})
}

func TestTarget(t *testing.T) {
	as := func(target string) func(*craft) {
		return func(c *craft) { c.signedAs["(request-target)"] = target }
	}
	run(t, map[string]mistake{
		"path only":       {profile: "bpce", sign: as("post /v1/payments/sepa"), code: TargetForm, says: "the path without the query"},
		"decoded":         {profile: "bpce", sign: as("post /v1/payments/sepa?a=b c&d=e"), code: TargetForm, says: "decoded"},
		"no base path":    {profile: "bpce", sign: as("post /payments/sepa?a=b%20c&d=e"), code: TargetForm, says: "without the base path"},
		"whole URL":       {profile: "bpce", sign: as("post https://bank.example/v1/payments/sepa?a=b%20c&d=e"), code: TargetForm, says: "the whole URL"},
		"capitals":        {profile: "bpce", sign: as("POST /v1/payments/sepa?a=b%20c&d=e"), code: MethodForm, says: "not in lower case"},
		"post though PUT": {profile: "bpce", sign: func(c *craft) { c.method = "PUT"; as("post /v1/payments/sepa?a=b%20c&d=e")(c) }, code: MethodForm, says: "the method post, but the request is a PUT"},
		"no method":       {profile: "bpce", sign: as("/v1/payments/sepa?a=b%20c&d=e"), code: MethodForm, says: "without the method"},
		"encoded anew":    {profile: "bpce", sign: as("post /v1/payments/sepa?a=b+c&d=e"), code: TargetForm, says: "encoded anew"},
		"rewritten":       {profile: "bpce", send: func(c *craft) { c.target = "/stet" + c.target }, code: TargetForm, says: "without the base path"},
		"slash":           {profile: "bpce", send: func(c *craft) { c.target = "/v1/payments/sepa/?a=b%20c&d=e" }, code: TargetForm, says: "slash at its end"},
	})
}

func TestHeaders(t *testing.T) {
	as := func(name, value string) func(*craft) { return func(c *craft) { c.signedAs[name] = value } }
	change := func(name, value string) func(*craft) { return func(c *craft) { c.set(name, value) } }
	run(t, map[string]mistake{
		"changed":          {send: change("X-Request-ID", "1"), code: ContentChanged, says: "x-request-id or date"},
		"date later":       {send: change("Date", "Wed, 04 Mar 2026 05:06:09 GMT"), code: HeaderChanged, says: "date was changed after it was signed: it was 2 seconds earlier"},
		"date in ISO":      {sign: as("date", "2026-03-04T05:06:07Z"), code: HeaderChanged, says: "in another form"},
		"dropped":          {sign: func(c *craft) { c.lines["date"] = "-" }, code: HeaderDropped, says: "date is listed as signed, but the signature was made without its line"},
		"absent":           {send: func(c *craft) { c.drop("X-Request-ID") }, sign: func(c *craft) { c.signedAs["x-request-id"] = "" }, code: HeaderAbsent, says: "x-request-id is listed as signed, but the request does not carry it"},
		"spaces":           {sign: as("x-request-id", "95126D8f-ae9d "), code: HeaderSpaces, says: "x-request-id was signed with other white space"},
		"two spaces":       {sign: as("x-request-id", " 95126D8f-ae9d"), code: HeaderSpaces, says: "x-request-id was signed with other white space"},
		"case":             {send: change("X-Request-ID", "95126D8F-AE9D"), sign: func(c *craft) { c.signedAs["x-request-id"] = "95126d8f-ae9d" }, code: HeaderCase, says: "in lower case"},
		"empty":            {sign: as("x-request-id", ""), code: HeaderEmpty, says: "x-request-id was empty"},
		"another header's": {sign: as("x-request-id", "192.0.2.1"), code: HeaderChanged, says: "the value that psu-ip-address has now"},
		"encoded":          {profile: "bpce", sign: as("content-type", "application%2Fjson"), code: HeaderEncoding, says: "content-type"},
		"charset":          {profile: "bpce", send: change("Content-Type", "application/json;charset=UTF-8"), code: HeaderChanged, says: "content-type was changed"},
		"capital name":     {sign: func(c *craft) { c.lines["date"] = "Date: " + c.get("date") }, code: HeaderCapitals, says: "capitals in its name"},
		"capitals listed":  {sign: func(c *craft) { c.list = strings.Fields("Digest X-Request-ID Date") }, code: HeaderCapitals, says: "has capitals (Digest)"},
		"order": {sign: func(c *craft) {
			c.join = func(l []string) string { return strings.Join([]string{l[2], l[0], l[1]}, "\n") }
		}, code: HeaderOrder, says: "order"},
		"order sent": {sign: func(c *craft) {
			c.list = strings.Fields("date x-request-id digest")
			c.join = func(l []string) string { return strings.Join([]string{l[2], l[1], l[0]}, "\n") }
		}, profile: "any", code: HeaderOrder, says: "order"},
		"listed twice": {sign: func(c *craft) { c.list = append(c.list, "date") }, profile: "any", code: HeaderTwice, says: "names date twice"},
		"signed but not listed": {sign: func(c *craft) {
			c.join = func(l []string) string { return "(request-target): post " + c.target + "\n" + strings.Join(l, "\n") }
		}, code: HeaderAdded, says: "(request-target) was signed too"},
		"final line end": {sign: func(c *craft) { c.join = func(l []string) string { return strings.Join(l, "\n") + "\n" } }, code: TextForm, says: "ended in a line end"},
		"CRLF":           {sign: func(c *craft) { c.join = func(l []string) string { return strings.Join(l, "\r\n") } }, code: TextForm, says: "CRLF"},
		"no space": {sign: func(c *craft) {
			c.join = func(l []string) string { return strings.ReplaceAll(strings.Join(l, "\n"), ": ", ":") }
		}, code: TextForm, says: "no space after the colons"},
		"not signed":       {sign: func(c *craft) { c.list = strings.Fields("digest date") }, code: HeaderNotSigned, says: "x-request-id is not signed, but berlin-group wants it signed"},
		"extra":            {sign: func(c *craft) { c.list = append(c.list, "psu-ip-address") }, code: HeaderExtra, says: "psu-ip-address is signed, but berlin-group wants it unsigned"},
		"listed otherwise": {sign: func(c *craft) { c.list = strings.Fields("date digest x-request-id") }, code: HeaderOrder, says: "another order than berlin-group wants"},
		"host with port":   {profile: "any", sign: func(c *craft) { c.list = append(c.list, "host"); c.signedAs["host"] = "bank.example:443" }, code: HeaderChanged, says: "port"},
	})
}

func TestDigest(t *testing.T) {
	packed := func(text string) string {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write([]byte(text))
		_ = w.Close()
		return out.String()
	}
	digest := func(value string) func(*craft) { return func(c *craft) { c.set("Digest", value) } }
	of := func(body string) func(*craft) { return digest(digestOf(body)) }
	const body = `{"amount": "1.00"}`
	run(t, map[string]mistake{
		"compressed":     {sign: of(packed(body)), code: DigestCompressed, says: "Digest is of the compressed body."},
		"uncompressed":   {send: func(c *craft) { c.setBody(packed(body)) }, code: DigestPlain, says: "Digest is of the body before it was compressed."},
		"line end cut":   {sign: of(body + "\n"), code: DigestNewline, says: "with a line end (LF) after it"},
		"line end added": {send: func(c *craft) { c.setBody(body + "\n") }, code: DigestNewline, says: "without the line end after it"},
		"line ends":      {sign: of("{\r\n}"), send: func(c *craft) { c.setBody("{\n}") }, code: DigestLineEnds, says: "line ends CRLF, not LF"},
		"empty":          {sign: of(""), code: DigestEmpty, says: "of an empty body"},
		"braces":         {sign: of("{}"), code: DigestBraces, says: "of {}"},
		"other JSON":     {sign: of(`{"amount":"1.00"}`), code: DigestJSON, says: "the same JSON"},
		"hex":            {sign: digest("SHA-256=" + hex.EncodeToString(sum(crypto.SHA256, []byte(body)))), code: DigestHex, says: "in hexadecimal, not base64"},
		"base64 of hex":  {sign: digest("SHA-256=" + base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum(crypto.SHA256, []byte(body)))))), code: DigestHex, says: "base64 of its hexadecimal digits"},
		"base64url":      {sign: digest("SHA-256=" + base64.RawURLEncoding.EncodeToString(sum(crypto.SHA256, []byte(body)))), code: DigestEncoding, says: "base64"},
		"other hash":     {sign: digest("SHA-256=" + base64.StdEncoding.EncodeToString(sum(crypto.SHA512, []byte(body)))), code: DigestAlgorithm, says: "says SHA-256 but holds a SHA512"},
		"SHA-512":        {sign: digest("SHA-512=" + base64.StdEncoding.EncodeToString(sum(crypto.SHA512, []byte(body)))), code: DigestAlgorithm, says: "says SHA-512, but berlin-group wants SHA-256"},
		"lower case":     {sign: digest("sha-256" + digestOf(body)[7:]), code: DigestAlgorithm, says: "says sha-256"},
		"malformed":      {sign: digest("MD5=abc"), code: DigestMalformed, says: "Digest is not of the form"},
		"body changed":   {send: func(c *craft) { c.setBody(`{"amount": "2.00"}`) }, code: DigestOther, says: "does not belong to the body, which has 18 bytes"},
		"header changed": {send: of("x"), code: HeaderChanged, says: "digest was changed after it was signed: it was of the body as it is here"},
		"missing": {profile: "bpce", sign: func(c *craft) {
			c.drop("Digest")
			c.list = slices.DeleteFunc(c.list, func(s string) bool { return s == "digest" })
		}, code: DigestMissing, says: "There is no Digest header, which bpce wants."},
		"Latin-1":  {sign: of("{\"a\": \"\xe9\"}"), send: func(c *craft) { c.setBody(`{"a": "é"}`) }, code: DigestCharset, says: "another character set"},
		"body cut": {send: func(c *craft) { c.set("Content-Length", "20") }, code: ContentLength, says: "Content-Length is 20 but the body has 18 bytes"},
	})
}

func TestSignatures(t *testing.T) {
	rsaKey := func() crypto.Signer { return seals()["tpp"].key }
	p256 := func(c *craft) {
		c.seal, c.label = seals()["p256"], "ecdsa-sha256"
		c.set("TPP-Signature-Certificate", base64.StdEncoding.EncodeToString(c.seal.cert.Raw))
		c.keyID = must(signer.KeyIDFor(spec("berlin-group").KeyID, signer.Credentials{Certificate: c.seal.cert}))
	}
	raw := func(c *craft) {
		p256(c)
		c.sign = func(text string) []byte {
			var v struct{ R, S *big.Int }
			_ = must(asn1.Unmarshal(pkcs1(c.seal.key, crypto.SHA256)(text), &v))
			out := make([]byte, 64)
			v.R.FillBytes(out[:32])
			v.S.FillBytes(out[32:])
			return out
		}
	}
	run(t, map[string]mistake{
		"PSS":               {sign: func(c *craft) { c.sign = pss(rsaKey(), crypto.SHA256, 32) }, code: AlgorithmLabel, says: "algorithm says rsa-sha256, but the signature was made with RSA-PSS and SHA256"},
		"SHA-512":           {profile: "any", sign: func(c *craft) { c.sign = pkcs1(rsaKey(), crypto.SHA512) }, code: AlgorithmLabel, says: "rsa-sha512"},
		"another is wanted": {profile: "bpce", sign: func(c *craft) { c.sign, c.label = pkcs1(rsaKey(), crypto.SHA512), "rsa-sha512" }, code: AlgorithmOther, says: "but bpce wants rsa-sha256"},
		"salt":              {profile: "any", sign: func(c *craft) { c.sign, c.label = pss(rsaKey(), crypto.SHA256, 20), "hs2019" }, code: SaltLength, says: "salt has 20 bytes"},
		"maximal salt":      {profile: "any", sign: func(c *craft) { c.sign, c.label = pss(rsaKey(), crypto.SHA256, rsa.PSSSaltLengthAuto), "hs2019" }, code: SaltLength, says: "salt has 222 bytes"},
		"label":             {sign: func(c *craft) { c.label = "SHA256withRSA" }, code: AlgorithmLabel, says: "algorithm says SHA256withRSA, but berlin-group wants it to say rsa-sha256"},
		"no label":          {sign: func(c *craft) { c.label = "" }, code: ParameterMissing, says: "no parameter algorithm"},
		"base64url":         {sign: func(c *craft) { c.encode = base64.RawURLEncoding.EncodeToString }, code: SignatureBase64, says: "base64url"},
		"no base64":         {sign: func(c *craft) { c.encode = func([]byte) string { return "!" } }, code: SignatureBase64, says: "is not base64"},
		"cut":               {sign: func(c *craft) { c.encode = func(b []byte) string { return base64.StdEncoding.EncodeToString(b[:200]) } }, code: SignatureLength, says: "200 bytes"},
		"another key":       {sign: func(c *craft) { c.sign = pkcs1(seals()["other"].key, crypto.SHA256) }, code: KeyOther, says: "Another key made the signature"},
		"space":             {sign: func(c *craft) { c.separator = ", " }, code: Separator, says: "There is white space between the parameters before algorithm, but berlin-group wants no space after the comma."},
		"ECDSA":             {sign: p256, certs: []string{"p256"}, code: Valid},
		"ECDSA raw":         {sign: raw, certs: []string{"p256"}, code: ECDSAEncoding, says: "side by side (raw), but berlin-group wants ASN.1 DER"},
		"ECDSA changed":     {sign: p256, send: func(c *craft) { c.set("X-Request-ID", "1") }, certs: []string{"p256"}, code: NotVerified, says: "does not tell which"},
		"ECDSA date":        {sign: p256, send: func(c *craft) { c.set("Date", "Wed, 04 Mar 2026 05:06:17 GMT") }, certs: []string{"p256"}, code: HeaderChanged, says: "10 seconds earlier"},
		"expired": {sign: func(c *craft) {
			c.set("TPP-Signature-Certificate", base64.StdEncoding.EncodeToString(seals()["expired"].cert.Raw))
		}, certs: []string{"expired"}, code: CertificateExpired, says: "expired on 2026-03-01"},
		"another's certificate": {sign: func(c *craft) {
			c.set("TPP-Signature-Certificate", base64.StdEncoding.EncodeToString(seals()["other"].cert.Raw))
		}, code: CertificateOther, says: "TPP-Signature-Certificate carries another certificate"},
		"certificate of a stranger": {certs: []string{"other"}, code: CertificateOther, says: "none of those given"},
		"certificate broken":        {sign: func(c *craft) { c.set("TPP-Signature-Certificate", "MIIB") }, code: CertificateHeader, says: "holds no certificate"},
		"certificate missing":       {send: func(c *craft) { c.drop("TPP-Signature-Certificate") }, code: CertificateHeader, says: "which is not there"},
		"certificate as PEM": {sign: func(c *craft) {
			c.set("TPP-Signature-Certificate", "-----BEGIN CERTIFICATE-----"+c.get("TPP-Signature-Certificate")+"-----END CERTIFICATE-----")
		}, code: CertificateHeader, says: "as pem-line, but berlin-group wants it as base64-der"},
		"no certificate":  {certs: []string{}, send: func(c *craft) { c.drop("TPP-Signature-Certificate") }, profile: "any", code: CertificateMissing, says: "no certificate to verify with"},
		"no signature":    {send: func(c *craft) { c.drop("Signature") }, code: SignatureMissing, says: "carries no signature"},
		"malformed":       {send: func(c *craft) { c.set("Signature", `keyId="a`) }, code: SignatureMalformed, says: "no closing quotation mark"},
		"other container": {sign: func(c *craft) { c.header = "Authorization" }, code: ContainerOther, says: "in Authorization: Signature, but berlin-group wants it in the Signature header"},
		"two signatures":  {send: func(c *craft) { c.headers = append(c.headers, [2]string{"signature", c.get("Signature")}) }, code: SignatureTwice, says: "2 times"},
		"past": {profile: "any", sign: func(c *craft) {
			c.list = append(c.list, "(created)", "(expires)")
			c.parameter, c.signedAs["(created)"], c.signedAs["(expires)"] = `created=1,expires=61`, "1", "61"
		}, code: TimePast, says: "expired"},
	})
}
