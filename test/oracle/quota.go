package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	k8sdefaults "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	clocktesting "k8s.io/utils/clock/testing"
)

// admitting asks whether an object would be admitted to a namespace with these quotas, and what it takes.
type admitting struct {
	Group    string             `json:"group"`
	Resource string             `json:"resource"`
	Object   json.RawMessage    `json:"object"`
	Quotas   []v1.ResourceQuota `json:"quotas"`
	// Names of which to say whether a quota that has them concerns the resource.
	Names []v1.ResourceName `json:"names"`
	Now   int64             `json:"now"`
	// Whether a pod is given the API server's defaults first.
	Defaults bool `json:"defaults"`
}

func init() {
	register("admit", func(q admitting) (any, error) { return admit(q) })
}

func admit(q admitting) (any, error) {
	object, evaluator, err := evaluated(q)
	if err != nil {
		return nil, err
	}
	usage, err := evaluator.Usage(object)
	if err != nil {
		return nil, err
	}
	amounts := map[string]string{}
	for name, quantity := range usage {
		amounts[string(name)] = billionths(quantity)
	}
	version := schema.GroupVersion{Group: q.Group, Version: "v1"}
	attributes := admission.NewAttributesRecord(object, nil, version.WithKind("Any"), "a", "x",
		version.WithResource(q.Resource), "", admission.Create, &metav1.CreateOptions{}, false, nil)
	_, refused := resourcequota.CheckRequest(q.Quotas, attributes, evaluator, nil)
	return map[string]any{
		"usage":   amounts,
		"tracked": evaluator.MatchingResources(q.Names),
		"refusal": kindOf(refused),
	}, nil
}

func evaluated(q admitting) (runtime.Object, quota.Evaluator, error) {
	clock := clocktesting.NewFakeClock(time.UnixMilli(q.Now))
	switch q.Resource {
	case "pods":
		pod := &v1.Pod{}
		err := json.Unmarshal(q.Object, pod)
		if q.Defaults {
			k8sdefaults.SetDefaults_Pod(pod)
		}
		return pod, core.NewPodEvaluator(nil, clock), err
	case "services":
		service := &v1.Service{}
		return service, core.NewServiceEvaluator(nil), json.Unmarshal(q.Object, service)
	case "persistentvolumeclaims":
		claim := &v1.PersistentVolumeClaim{}
		return claim, core.NewPersistentVolumeClaimEvaluator(nil), json.Unmarshal(q.Object, claim)
	default:
		counted := schema.GroupResource{Group: q.Group, Resource: q.Resource}
		alias := ""
		if q.Group == "" {
			alias = q.Resource
		}
		return &v1.ConfigMap{}, generic.NewObjectCountEvaluator(counted, nil, v1.ResourceName(alias)), nil
	}
}

var refusals = regexp.MustCompile(`(exceeded quota|failed quota|status unknown for quota|quota usage is negative)`)

// kindOf is the first words of a refusal; which of several quotas refuses first is a matter of their order.
func kindOf(refused error) any {
	if refused == nil {
		return nil
	}
	if found := refusals.FindString(refused.Error()); found != "" {
		return found
	}
	return fmt.Sprintf("error: %v", refused)
}
