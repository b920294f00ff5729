package packaging

import (
	"slices"
	"strings"
	"testing"
)

type composeFile struct {
	Name     string
	Services map[string]composeService
	Volumes  map[string]struct{}
}

type composeService struct {
	Build       struct{ Context string }
	Image       string
	Environment map[string]string
	NetworkMode string `yaml:"network_mode"`
	User        string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Volumes     []struct {
		Type, Source, Target string
		ReadOnly             bool `yaml:"read_only"`
		Bind                 struct {
			CreateHostPath *bool `yaml:"create_host_path"`
		}
	}
	Tmpfs       []string
	HealthCheck struct {
		Test              []string
		Interval, Timeout string
		StartPeriod       string `yaml:"start_period"`
		Retries           int
	} `yaml:"healthcheck"`
	DependsOn map[string]struct{ Condition string } `yaml:"depends_on"`

	StopGracePeriod string `yaml:"stop_grace_period"`
	Restart         string
	MemLimit        string `yaml:"mem_limit"`
	PidsLimit       int    `yaml:"pids_limit"`
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	docs := readYAML[composeFile](t, "compose.yaml")
	if len(docs) != 1 {
		t.Fatalf("compose.yaml has %d documents", len(docs))
	}
	return docs[0]
}

func TestComposeSidecarIsConfined(t *testing.T) {
	compose := readCompose(t)
	tpp := compose.Services["tpp"]
	if tpp.User != "65532:65532" {
		t.Errorf("user %q", tpp.User)
	}
	for name, service := range map[string]composeService{"tpp": tpp, "network": compose.Services["network"]} {
		if !service.ReadOnly {
			t.Errorf("%s: the root file system is writable", name)
		}
		if !slices.Equal(service.CapDrop, []string{"ALL"}) {
			t.Errorf("%s: capabilities dropped: %q", name, service.CapDrop)
		}
		if !slices.Equal(service.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s: security options %q", name, service.SecurityOpt)
		}
	}
	if tpp.MemLimit == "" || tpp.PidsLimit == 0 {
		t.Error("memory and processes are not limited")
	}
	if want := append([]string{"CMD"}, healthCommand...); !slices.Equal(tpp.HealthCheck.Test, want) {
		t.Errorf("health check %q, want %q: there is no shell", tpp.HealthCheck.Test, want)
	}
}

func TestComposeMounts(t *testing.T) {
	compose := readCompose(t)
	seen := map[string]string{}
	for _, v := range compose.Services["tpp"].Volumes {
		seen[v.Target] = v.Source
		switch v.Type {
		case "bind":
			if !v.ReadOnly {
				t.Errorf("%s is writable", v.Target)
			}
			// Otherwise Docker makes an empty directory where a file is missing.
			if v.Bind.CreateHostPath == nil || *v.Bind.CreateHostPath {
				t.Errorf("%s: a missing %s would be made up", v.Target, v.Source)
			}
		case "volume":
			if _, ok := compose.Volumes[v.Source]; !ok || v.Target != "/data" {
				t.Errorf("volume %q at %s", v.Source, v.Target)
			}
		default:
			t.Errorf("%s: mount of type %q", v.Target, v.Type)
		}
	}
	if seen[caddyfileMount+"/Caddyfile"] != "./Caddyfile" {
		t.Errorf("the Caddyfile that is tested here is not the one mounted: %q", seen)
	}
	if src := seen[certificateDir]; src == "" || strings.HasSuffix(src, ".pem") {
		t.Errorf("certificates from %q: only a directory shows a renewed file", src)
	}
	tmpfs := compose.Services["tpp"].Tmpfs
	if len(tmpfs) != 1 || !strings.HasPrefix(tmpfs[0], "/config:uid=65532,") {
		t.Errorf("tmpfs %q", tmpfs)
	}
}

func TestComposeNetworkIsShared(t *testing.T) {
	compose := readCompose(t)
	for _, name := range []string{"app", "tpp"} {
		if mode := compose.Services[name].NetworkMode; mode != "service:network" {
			t.Errorf("%s has network_mode %q", name, mode)
		}
	}
	app := compose.Services["app"]
	if app.DependsOn["tpp"].Condition != "service_healthy" {
		t.Errorf("the application starts without waiting for the sidecar: %+v", app.DependsOn)
	}
	checkApplicationURL(t, app.Environment["BANK_BASE_URL"])
}
