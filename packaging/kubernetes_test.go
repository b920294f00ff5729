package packaging

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// manifest is any document of kubernetes.yaml.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name   string
		Labels map[string]string
	}
	Data map[string]string
	Spec manifestSpec
}

type manifestSpec struct {
	// PersistentVolumeClaim
	AccessModes []string `yaml:"accessModes"`
	Resources   resources
	// Deployment
	Replicas int
	Strategy struct{ Type string }
	Selector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	Template struct {
		Metadata struct{ Labels map[string]string }
		Spec     podSpec
	}
}

type podSpec struct {
	AutomountServiceAccountToken  *bool           `yaml:"automountServiceAccountToken"`
	EnableServiceLinks            *bool           `yaml:"enableServiceLinks"`
	TerminationGracePeriodSeconds int             `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               securityContext `yaml:"securityContext"`
	InitContainers                []container     `yaml:"initContainers"`
	Containers                    []container
	Volumes                       []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
		Secret    struct {
			SecretName  string `yaml:"secretName"`
			DefaultMode int    `yaml:"defaultMode"`
		}
		PersistentVolumeClaim struct {
			ClaimName string `yaml:"claimName"`
		} `yaml:"persistentVolumeClaim"`
		EmptyDir struct {
			Medium    string
			SizeLimit string `yaml:"sizeLimit"`
		} `yaml:"emptyDir"`
	}
}

type container struct {
	Name, Image     string
	RestartPolicy   string `yaml:"restartPolicy"`
	Env             []struct{ Name, Value string }
	SecurityContext securityContext `yaml:"securityContext"`
	StartupProbe    probe           `yaml:"startupProbe"`
	ReadinessProbe  probe           `yaml:"readinessProbe"`
	Resources       resources
	VolumeMounts    []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type securityContext struct {
	RunAsNonRoot             bool   `yaml:"runAsNonRoot"`
	RunAsUser                int    `yaml:"runAsUser"`
	RunAsGroup               int    `yaml:"runAsGroup"`
	FSGroup                  int    `yaml:"fsGroup"`
	FSGroupChangePolicy      string `yaml:"fsGroupChangePolicy"`
	ReadOnlyRootFilesystem   bool   `yaml:"readOnlyRootFilesystem"`
	AllowPrivilegeEscalation *bool  `yaml:"allowPrivilegeEscalation"`
	Capabilities             struct{ Add, Drop []string }
	SeccompProfile           struct{ Type string } `yaml:"seccompProfile"`
}

type probe struct {
	Exec             struct{ Command []string }
	PeriodSeconds    int `yaml:"periodSeconds"`
	TimeoutSeconds   int `yaml:"timeoutSeconds"`
	FailureThreshold int `yaml:"failureThreshold"`
}

type resources struct{ Requests, Limits map[string]string }

// readManifests returns the documents by kind; none is there twice.
func readManifests(t *testing.T) map[string]manifest {
	t.Helper()
	byKind := map[string]manifest{}
	for _, m := range readYAML[manifest](t, "kubernetes.yaml") {
		if _, twice := byKind[m.Kind]; twice {
			t.Fatalf("two documents of kind %s", m.Kind)
		}
		byKind[m.Kind] = m
	}
	return byKind
}

func readPod(t *testing.T) (podSpec, container) {
	t.Helper()
	pod := readManifests(t)["Deployment"].Spec.Template.Spec
	if len(pod.InitContainers) != 1 || len(pod.Containers) != 1 {
		t.Fatalf("want the sidecar and the application, have %+v", pod)
	}
	return pod, pod.InitContainers[0]
}

func TestKubernetesSidecarIsConfined(t *testing.T) {
	pod, tpp := readPod(t)
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Error("the pod is handed a token of the Kubernetes API")
	}
	if sc := pod.SecurityContext; !sc.RunAsNonRoot || sc.FSGroup != sidecarUser || sc.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("pod runs as %+v", sc)
	}
	sc := tpp.SecurityContext
	if !sc.RunAsNonRoot || sc.RunAsUser != sidecarUser || sc.RunAsGroup != sidecarUser {
		t.Errorf("user %d, group %d", sc.RunAsUser, sc.RunAsGroup)
	}
	if !sc.ReadOnlyRootFilesystem {
		t.Error("the root file system is writable")
	}
	if sc.AllowPrivilegeEscalation == nil || *sc.AllowPrivilegeEscalation {
		t.Error("privileges can be gained")
	}
	if !slices.Equal(sc.Capabilities.Drop, []string{"ALL"}) || len(sc.Capabilities.Add) > 0 {
		t.Errorf("capabilities %+v", sc.Capabilities)
	}
	if sc.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("seccomp profile %q", sc.SeccompProfile.Type)
	}
	if tpp.Resources.Requests["memory"] == "" || tpp.Resources.Requests["cpu"] == "" || tpp.Resources.Limits["memory"] == "" {
		t.Errorf("resources %+v", tpp.Resources)
	}
}

func TestKubernetesSidecarOutlivesApplication(t *testing.T) {
	pod, tpp := readPod(t)
	if tpp.RestartPolicy != "Always" {
		t.Errorf("restartPolicy %q: an init container of the old kind never ends and blocks the pod", tpp.RestartPolicy)
	}
	for name, p := range map[string]probe{"startup": tpp.StartupProbe, "readiness": tpp.ReadinessProbe} {
		if !slices.Equal(p.Exec.Command, healthCommand) {
			t.Errorf("%s probe runs %q, want %q", name, p.Exec.Command, healthCommand)
		}
		if p.PeriodSeconds == 0 || p.TimeoutSeconds == 0 || p.FailureThreshold == 0 {
			t.Errorf("%s probe leaves figures to defaults: %+v", name, p)
		}
	}
	_, rest, _ := strings.Cut(readText(t, "Caddyfile"), "grace_period ")
	grace, err := time.ParseDuration(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	if killed := time.Duration(pod.TerminationGracePeriodSeconds) * time.Second; killed <= grace {
		t.Errorf("killed after %s, while Caddy still answers for %s", killed, grace)
	}
	app := pod.Containers[0]
	if len(app.Env) != 1 {
		t.Fatalf("application has environment %+v", app.Env)
	}
	checkApplicationURL(t, app.Env[0].Value)
}

func TestKubernetesMounts(t *testing.T) {
	manifests := readManifests(t)
	pod, tpp := readPod(t)
	type mount struct {
		path     string
		readOnly bool
	}
	mounts := map[string]mount{}
	for _, m := range tpp.VolumeMounts {
		mounts[m.Name] = mount{m.MountPath, m.ReadOnly}
	}
	want := map[string]mount{
		"caddyfile":    {caddyfileMount, true},
		"certificates": {certificateDir, true},
		"data":         {"/data", false},
		"config":       {"/config", false},
	}
	if len(mounts) != len(want) || len(pod.Volumes) != len(want) {
		t.Errorf("mounts %+v of volumes %+v", mounts, pod.Volumes)
	}
	for name, w := range want {
		if mounts[name] != w {
			t.Errorf("%s: mounted as %+v, want %+v", name, mounts[name], w)
		}
	}
	for _, v := range pod.Volumes {
		switch v.Name {
		case "caddyfile":
			if v.ConfigMap.Name != manifests["ConfigMap"].Metadata.Name {
				t.Errorf("config map %q", v.ConfigMap.Name)
			}
		case "data":
			if v.PersistentVolumeClaim.ClaimName != manifests["PersistentVolumeClaim"].Metadata.Name {
				t.Errorf("claim %q", v.PersistentVolumeClaim.ClaimName)
			}
		case "certificates":
			if v.Secret.DefaultMode != 0o440 {
				t.Errorf("keys have mode %#o", v.Secret.DefaultMode)
			}
			checkSecretCommand(t, v.Secret.SecretName)
		}
	}
}

// checkSecretCommand holds the command that makes the secret, which the file's
// comment gives, against what is mounted and read. The secret itself must not
// be in the file: applying it again would overwrite the keys.
func checkSecretCommand(t *testing.T, secret string) {
	t.Helper()
	text := readText(t, "kubernetes.yaml")
	if !strings.Contains(text, "kubectl create secret generic "+secret+" ") {
		t.Errorf("no command makes secret %q", secret)
	}
	for _, name := range certificateFiles(t) {
		if !strings.Contains(text, "--from-file="+name) {
			t.Errorf("the command that makes the secret leaves out %s", name)
		}
	}
	if _, ok := readManifests(t)["Secret"]; ok {
		t.Error("kubectl apply would overwrite the secret")
	}
}

func TestKubernetesCaddyfileIsTheTestedOne(t *testing.T) {
	data := readManifests(t)["ConfigMap"].Data
	if len(data) != 1 || data["Caddyfile"] != readText(t, "Caddyfile") {
		t.Errorf("the config map differs from packaging/Caddyfile:\n%s", data["Caddyfile"])
	}
}

func TestKubernetesDeploymentHoldsOneVolume(t *testing.T) {
	manifests := readManifests(t)
	spec := manifests["Deployment"].Spec
	if spec.Replicas != 1 || spec.Strategy.Type != "Recreate" {
		t.Errorf("%d replicas by %s: two pods cannot hold one ReadWriteOnce volume", spec.Replicas, spec.Strategy.Type)
	}
	for key, value := range spec.Selector.MatchLabels {
		if spec.Template.Metadata.Labels[key] != value {
			t.Errorf("selector %s=%s does not find its pods", key, value)
		}
	}
	if modes := manifests["PersistentVolumeClaim"].Spec.AccessModes; !slices.Equal(modes, []string{"ReadWriteOnce"}) {
		t.Errorf("access modes %q", modes)
	}
}
