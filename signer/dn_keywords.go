package signer

import "maps"

// jdk2253Keywords are the keywords of X500Principal.getName() (RFC 2253
// section 2.3's table, which is all that the JDK uses there).
var jdk2253Keywords = map[string]string{
	"2.5.4.3":                    "CN",
	"2.5.4.6":                    "C",
	"2.5.4.7":                    "L",
	"2.5.4.8":                    "ST",
	"2.5.4.9":                    "STREET",
	"2.5.4.10":                   "O",
	"2.5.4.11":                   "OU",
	"0.9.2342.19200300.100.1.1":  "UID",
	"0.9.2342.19200300.100.1.25": "DC",
}

// jdk2253WithOrgID is the same for gateways that call getName() with a map
// from 2.5.4.97 to a keyword.
var jdk2253WithOrgID = extend(jdk2253Keywords, map[string]string{"2.5.4.97": "organizationIdentifier"})

// jdk1779Keywords are those of getName(RFC1779).
var jdk1779Keywords = map[string]string{
	"2.5.4.3":  "CN",
	"2.5.4.6":  "C",
	"2.5.4.7":  "L",
	"2.5.4.8":  "ST",
	"2.5.4.9":  "STREET",
	"2.5.4.10": "O",
	"2.5.4.11": "OU",
}

// jdkKeywords are those of X500Principal.toString().
var jdkKeywords = extend(jdk2253Keywords, map[string]string{
	"2.5.4.4":                 "SURNAME",
	"2.5.4.5":                 "SERIALNUMBER",
	"2.5.4.12":                "T",
	"2.5.4.42":                "GIVENNAME",
	"2.5.4.43":                "INITIALS",
	"2.5.4.44":                "GENERATION",
	"2.5.4.46":                "DNQ",
	"1.2.840.113549.1.9.1":    "EMAILADDRESS",
	"1.3.6.1.4.1.42.2.11.2.1": "IP",
})

// rfc4514Keywords are those of RFC 4514 section 3; every other type is written
// in dots, with its value as text.
var rfc4514Keywords = jdk2253Keywords

// opensslKeywords are OpenSSL 3's short names of the attribute types that
// names of authorities and PSPs can hold (X.520, RFC 4519, PKCS #9 and the
// CA/Browser Forum's jurisdiction attributes).
var opensslKeywords = map[string]string{
	"2.5.4.3":                    "CN",
	"2.5.4.4":                    "SN",
	"2.5.4.5":                    "serialNumber",
	"2.5.4.6":                    "C",
	"2.5.4.7":                    "L",
	"2.5.4.8":                    "ST",
	"2.5.4.9":                    "street",
	"2.5.4.10":                   "O",
	"2.5.4.11":                   "OU",
	"2.5.4.12":                   "title",
	"2.5.4.13":                   "description",
	"2.5.4.15":                   "businessCategory",
	"2.5.4.16":                   "postalAddress",
	"2.5.4.17":                   "postalCode",
	"2.5.4.18":                   "postOfficeBox",
	"2.5.4.19":                   "physicalDeliveryOfficeName",
	"2.5.4.20":                   "telephoneNumber",
	"2.5.4.23":                   "facsimileTelephoneNumber",
	"2.5.4.24":                   "x121Address",
	"2.5.4.26":                   "registeredAddress",
	"2.5.4.27":                   "destinationIndicator",
	"2.5.4.41":                   "name",
	"2.5.4.42":                   "GN",
	"2.5.4.43":                   "initials",
	"2.5.4.44":                   "generationQualifier",
	"2.5.4.45":                   "x500UniqueIdentifier",
	"2.5.4.46":                   "dnQualifier",
	"2.5.4.51":                   "houseIdentifier",
	"2.5.4.54":                   "dmdName",
	"2.5.4.65":                   "pseudonym",
	"2.5.4.72":                   "role",
	"2.5.4.97":                   "organizationIdentifier",
	"2.5.4.98":                   "c3",
	"2.5.4.99":                   "n3",
	"0.9.2342.19200300.100.1.1":  "UID",
	"0.9.2342.19200300.100.1.3":  "mail",
	"0.9.2342.19200300.100.1.25": "DC",
	"0.9.2342.19200300.100.1.44": "uid",
	"1.2.840.113549.1.9.1":       "emailAddress",
	"1.2.840.113549.1.9.2":       "unstructuredName",
	"1.2.840.113549.1.9.8":       "unstructuredAddress",
	"1.3.6.1.4.1.311.60.2.1.1":   "jurisdictionL",
	"1.3.6.1.4.1.311.60.2.1.2":   "jurisdictionST",
	"1.3.6.1.4.1.311.60.2.1.3":   "jurisdictionC",
}

func extend(base, more map[string]string) map[string]string {
	all := maps.Clone(base)
	maps.Copy(all, more)
	return all
}
