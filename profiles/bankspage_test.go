package profiles

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/banks.md anew")

const banksPage = "../docs/banks.md"

// surveyed is a bank that something is known about: enough for a profile, or
// what of it and what is missing.
type surveyed struct {
	Bank, Profile, Country, Known, Missing, Certainty string
}

func survey(t *testing.T) (rows []surveyed) {
	t.Helper()
	data, err := os.ReadFile("testdata/survey.json")
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// docs/banks.md says what the data says: go test ./profiles -run TestBanksPage -update
func TestBanksPage(t *testing.T) {
	set, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	want := renderBanks(set, survey(t))
	if *update {
		if err := os.WriteFile(banksPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(banksPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/banks.md differs from the data; write it anew with: go test ./profiles -run TestBanksPage -update")
	}
}

// Each bank of the survey has a profile that names it, or a word on why not.
func TestSurveyIsCovered(t *testing.T) {
	seen := make(map[string]bool)
	for _, row := range survey(t) {
		if seen[row.Bank] {
			t.Errorf("%s is there twice", row.Bank)
		}
		seen[row.Bank] = true
		if row.Profile == "" {
			if row.Known == "" || row.Missing == "" || !slices.Contains(certainties, row.Certainty) {
				t.Errorf("%s has no profile, and no reason: %+v", row.Bank, row)
			}
		} else if !slices.Contains(get(t, row.Profile).Banks, row.Bank) {
			t.Errorf("the profile %s does not name %s", row.Profile, row.Bank)
		}
	}
	if len(seen) < 90 {
		t.Errorf("only %d banks", len(seen))
	}
}

// family is a table of the page: the profiles that come from one of roots.
type family struct {
	title, intro string
	roots        []string
}

var families = [...]family{
	{"Banks with STET", "French banks, and others with the STET PSD2 API.", []string{"stet", "bpce"}},
	{"Banks with NextGenPSD2", "Banks and hubs of the Berlin Group family, signed after its chapter 12 or in a way of their own.", []string{"berlin-group"}},
	{"Banks with UK Open Banking", "Banks with the OBIE Read/Write API. Payments are signed, reads are not.", []string{"obie"}},
	{"Other standards", "Banks, countries and systems with a standard of their own.", nil},
}

// root is the profile at the end of a chain of inheritance.
func (s *Set) root(name string) string {
	for {
		parent := documentsOf(s)[name].inherits
		if parent == "" {
			return name
		}
		name, _ = splitName(parent)
	}
}

// of lists the profiles of a family, without variants, the roots first.
func (f *family) of(set *Set) (names []string) {
	for _, name := range set.Names() {
		root := set.root(name)
		elsewhere := slices.ContainsFunc(families[:], func(other family) bool { return slices.Contains(other.roots, root) })
		if !strings.Contains(name, "/") && (slices.Contains(f.roots, root) || f.roots == nil && !elsewhere) {
			names = append(names, name)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(f.roots, a) - rank(f.roots, b) })
	return names
}

// rank is a root's place, or that of all others.
func rank(roots []string, name string) int {
	if i := slices.Index(roots, name); i >= 0 {
		return i
	}
	return len(roots)
}

const banksIntro = `# Banks

<!-- Made from profiles/data by: go test ./profiles -run TestBanksPage -update. Do not edit. -->

What is known of each bank, and how its shipped profile signs. It is made from the profiles
themselves, whose fields [the manual of profiles](profiles.md#all-fields) explains, as it does
[what a certainty mark means](profiles.md#shipped-profiles). None has been tried against a bank in
production: **try yours in the bank's sandbox**, and ask the bank what is marked as a question.

Where sources disagree, there are variants: write ` + "`profile boursorama/certificate-url`" + ` instead of
` + "`profile boursorama`" + `. What a bank gives to each TPP stands under "to configure".

In the tables, an entry with ? is signed if it is there, ` + "`psu-*`" + ` is every PSU header that is there,
and ` + "`*`" + ` every header. A digest "also of nothing" is sent without a body too.

`

func renderBanks(set *Set, rows []surveyed) string {
	var b strings.Builder
	b.WriteString(banksIntro)
	for _, f := range families {
		fmt.Fprintf(&b, "* [%s](#%s)\n", f.title, anchor(f.title))
	}
	fmt.Fprintf(&b, "* [%s](#%s)\n", notEnough, anchor(notEnough))
	for i := range families {
		renderFamily(&b, set, &families[i])
	}
	fmt.Fprintf(&b, "\n## %s\n\nBanks of which something is known, but too little to sign a request.\n\n", notEnough)
	b.WriteString("| bank | country | known | missing | certainty |\n| --- | --- | --- | --- | --- |\n")
	for _, row := range rows {
		if row.Profile == "" {
			tableRow(&b, row.Bank, row.Country, row.Known, row.Missing, row.Certainty)
		}
	}
	return b.String()
}

const notEnough = "Not enough known"

func anchor(title string) string { return strings.ReplaceAll(strings.ToLower(title), " ", "-") }

func renderFamily(b *strings.Builder, set *Set, f *family) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", f.title, f.intro)
	b.WriteString("| profile | bank | container | signed | algorithm | keyId | digest | certificate header | token | certainty |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, name := range f.of(set) {
		p := documentsOf(set)[name].profile
		link := fmt.Sprintf("[`%s`](#%s)", name, name)
		cells := append([]string{link, cmp.Or(strings.Join(p.Banks, ", "), "any other")}, cellsOf(p)...)
		tableRow(b, cells...)
		for _, variant := range set.ownVariants(name) {
			cells := append([]string{"`" + name + "/" + variant + "`", "as above"}, cellsOf(documentsOf(set)[name+"/"+variant].profile)...)
			tableRow(b, cells...)
		}
	}
	for _, name := range f.of(set) {
		renderBank(b, set, name)
	}
}

// ownVariants are those that a profile's file speaks of, but for what it removes.
func (s *Set) ownVariants(name string) (names []string) {
	own, _ := documentsOf(s)[name].own["variants"].(map[string]any)
	for _, variant := range s.variantsOf(name) {
		if own[variant] != nil {
			names = append(names, variant)
		}
	}
	return names
}

// variantsOf lists the variants of a profile.
func (s *Set) variantsOf(name string) (names []string) {
	for _, full := range s.Names() {
		if variant, ok := strings.CutPrefix(full, name+"/"); ok {
			names = append(names, variant)
		}
	}
	return names
}

func tableRow(b *strings.Builder, cells ...string) {
	b.WriteString("|")
	for _, cell := range cells {
		b.WriteString(" " + strings.ReplaceAll(cell, "|", `\|`) + " |")
	}
	b.WriteString("\n")
}

// documentsOf gives what the profiles of a set were made from.
func documentsOf(set *Set) map[string]document {
	documents, err := set.all()
	if err != nil {
		panic(err)
	}
	return documents
}
