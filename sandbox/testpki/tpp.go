package testpki

import (
	"fmt"
	"strings"
	"time"
)

// NewTPP issues the two certificates of a TPP: a QWAC and a QSEAL with the same
// organizationIdentifier and roles, RSA-2048, valid from an hour before now for
// a year. orgID has the form of ETSI TS 119 495 section 5.2.1, such as
// "PSDFR-ACPR-12345"; country and competent authority are taken from it.
func NewTPP(a *Authority, now time.Time, orgID string, roles []string) (qwac, qseal *Issued, err error) {
	rest, isPSD := strings.CutPrefix(orgID, "PSD")
	parts := strings.SplitN(rest, "-", 3)
	if !isPSD || len(parts) != 3 || len(parts[0]) != 2 {
		return nil, nil, fmt.Errorf(`testpki: organizationIdentifier %q is not of the form "PSDFR-ACPR-12345"`, orgID)
	}
	ncaID := parts[0] + "-" + parts[1]
	profile := Profile{
		Kind:                   QWAC,
		CommonName:             "tpp.example",
		Organization:           "Example TPP",
		Country:                parts[0],
		OrganizationIdentifier: orgID,
		Roles:                  roles,
		NCAName:                ncaName(ncaID),
		NCAID:                  ncaID,
		NotBefore:              now.Add(-time.Hour),
		NotAfter:               now.AddDate(1, 0, 0),
	}
	if qwac, err = a.Issue(profile); err != nil {
		return nil, nil, err
	}
	profile.Kind = QSEAL
	profile.CommonName = "Example TPP seal"
	if qseal, err = a.Issue(profile); err != nil {
		return nil, nil, err
	}
	return qwac, qseal, nil
}

func ncaName(id string) string {
	switch id {
	case "FR-ACPR":
		return "Autorité de contrôle prudentiel et de résolution"
	case "DE-BAFIN":
		return "Bundesanstalt für Finanzdienstleistungsaufsicht"
	case "GB-FCA":
		return "Financial Conduct Authority"
	}
	return "Competent authority " + id
}
