package main

import (
	"encoding/json"
	"sort"
	"time"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	listers "k8s.io/client-go/listers/core/v1"
	core "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/endpointslice"
	"k8s.io/endpointslice/topologycache"
	sliceutil "k8s.io/endpointslice/util"
	"k8s.io/klog/v2"
	endpointsv1 "k8s.io/kubernetes/pkg/api/v1/endpoints"
	netutils "k8s.io/utils/net"
)

const manager = "endpointslice-controller.k8s.io"

type slicing struct {
	Service *v1.Service                `json:"service"`
	Pods    []*v1.Pod                  `json:"pods"`
	Nodes   []*v1.Node                 `json:"nodes"`
	Slices  []*discovery.EndpointSlice `json:"slices"`
	Max     int32                      `json:"max"`
	Trigger int64                      `json:"trigger"`
	Hinted  bool                       `json:"hinted"`
	Runs    int                        `json:"runs"`
}

type repacking struct {
	Subsets []v1.EndpointSubset `json:"subsets"`
}

type addressing struct {
	Texts []string `json:"texts"`
}

type weighing struct {
	Nodes  []*v1.Node     `json:"nodes"`
	Counts map[string]int `json:"counts"`
}

type triggering struct {
	Service *v1.Service `json:"service"`
	Rounds  [][]*v1.Pod `json:"rounds"`
}

type touching struct {
	Services []*v1.Service `json:"services"`
	Old      *v1.Pod       `json:"old"`
	Now      *v1.Pod       `json:"now"`
}

func init() {
	// Upstream logs each refusal of hints.
	klog.SetLogger(logr.Discard())
	register("slices", func(q slicing) (any, error) { return slices(q) })
	register("repack", func(q repacking) (any, error) { return endpointsv1.RepackSubsets(shared(q.Subsets)), nil })
	register("addresses", func(q addressing) (any, error) { return addresses(q.Texts), nil })
	register("millicores", func(q addressing) (any, error) { return millicores(q.Texts) })
	register("overloaded", func(q weighing) (any, error) { return overloaded(q), nil })
	register("triggers", func(q triggering) (any, error) { return triggers(q), nil })
	register("touched", func(q touching) (any, error) { return touched(q) })
}

// slices reconciles as often as asked (the order of Go's maps differs) and answers with what runs wrote, each way once.
func slices(q slicing) (any, error) {
	known := map[string]bool{}
	ways := []json.RawMessage{}
	for range q.Runs {
		run, err := sliceOnce(q)
		if err != nil {
			return nil, err
		}
		way, err := json.Marshal(run)
		if err != nil {
			return nil, err
		}
		if !known[string(way)] {
			known[string(way)] = true
			ways = append(ways, way)
		}
	}
	return ways, nil
}

func sliceOnce(q slicing) (any, error) {
	logger := klog.Background()
	client := &fake.Clientset{}
	client.AddReactor("*", "endpointslices", func(action core.Action) (bool, runtime.Object, error) {
		one, writes := action.(core.CreateAction)
		if !writes {
			return true, nil, nil
		}
		return true, one.GetObject(), nil
	})
	nodes := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for _, node := range q.Nodes {
		if err := nodes.Add(node); err != nil {
			return nil, err
		}
	}
	existing := make([]*discovery.EndpointSlice, 0, len(q.Slices))
	for _, slice := range q.Slices {
		one := slice.DeepCopy()
		// Informers leave it out, and a placeholder is compared whole.
		one.TypeMeta = metav1.TypeMeta{}
		existing = append(existing, one)
	}
	topology := topologycache.NewTopologyCache()
	topology.SetNodes(logger, q.Nodes)
	if q.Hinted {
		topology.SetHints(q.Service.Namespace+"/"+q.Service.Name, discovery.AddressTypeIPv4, topologycache.EndpointZoneInfo{"a": 1})
	}
	recorder := record.NewFakeRecorder(100)
	reconciler := endpointslice.NewReconciler(client, listers.NewNodeLister(nodes), q.Max,
		sliceutil.NewEndpointSliceTracker(), topology, recorder, manager,
		endpointslice.WithPreferSameTrafficDistributionEnabled(true))
	failed := reconciler.Reconcile(logger, q.Service, q.Pods, existing, time.UnixMilli(q.Trigger))
	return told(client.Actions(), recorder, failed, topology.HasPopulatedHints(q.Service.Namespace+"/"+q.Service.Name)), nil
}

func told(actions []core.Action, recorder *record.FakeRecorder, failed error, hinted bool) any {
	created, updated := []any{}, []any{}
	deleted, events := []string{}, []string{}
	for _, action := range actions {
		switch one := action.(type) {
		case core.DeleteAction:
			deleted = append(deleted, one.GetName())
		case core.CreateAction:
			if one.GetVerb() == "create" {
				created = append(created, one.GetObject())
			} else {
				updated = append(updated, one.GetObject())
			}
		}
	}
	close(recorder.Events)
	for event := range recorder.Events {
		events = append(events, event)
	}
	sort.Strings(deleted)
	answer := map[string]any{"created": created, "updated": updated, "deleted": deleted, "events": events, "hinted": hinted}
	if failed != nil {
		answer["failed"] = failed.Error()
	}
	return answer
}

// shared makes equal application protocols one pointer, as they are in the controller, where each comes from one port of
// the Service: RepackSubsets compares pointers.
func shared(subsets []v1.EndpointSubset) []v1.EndpointSubset {
	known := map[string]*string{}
	for i := range subsets {
		for j := range subsets[i].Ports {
			port := &subsets[i].Ports[j]
			if port.AppProtocol == nil {
				continue
			}
			if known[*port.AppProtocol] == nil {
				known[*port.AppProtocol] = port.AppProtocol
			}
			port.AppProtocol = known[*port.AppProtocol]
		}
	}
	return subsets
}

func addresses(texts []string) any {
	answers := make([]any, len(texts))
	for i, text := range texts {
		if ip := netutils.ParseIPSloppy(text); ip != nil {
			answers[i] = map[string]any{"text": ip.String(), "v6": netutils.IsIPv6(ip)}
		}
	}
	return answers
}

func millicores(texts []string) (any, error) {
	answers := make([]int64, len(texts))
	for i, text := range texts {
		quantity, err := resource.ParseQuantity(text)
		if err != nil {
			return nil, err
		}
		answers[i] = quantity.MilliValue()
	}
	return answers, nil
}

func overloaded(q weighing) any {
	topology := topologycache.NewTopologyCache()
	topology.SetNodes(klog.Background(), q.Nodes)
	topology.SetHints("a/b", discovery.AddressTypeIPv4, q.Counts)
	return len(topology.GetOverloadedServices()) > 0
}

func triggers(q triggering) any {
	tracker := sliceutil.NewTriggerTimeTracker()
	answers := make([]string, len(q.Rounds))
	for i, pods := range q.Rounds {
		at := tracker.ComputeEndpointLastChangeTriggerTime(q.Service.Namespace, q.Service, pods)
		if !at.IsZero() {
			answers[i] = at.UTC().Format(time.RFC3339Nano)
		}
	}
	return answers
}

func touched(q touching) (any, error) {
	services := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, service := range q.Services {
		if err := services.Add(service); err != nil {
			return nil, err
		}
	}
	var old, now any
	if q.Old != nil {
		old = q.Old
	}
	if q.Now != nil {
		now = q.Now
	}
	keys, err := sliceutil.GetServicesToUpdate(listers.NewServiceLister(services), sliceutil.GetPodUpdateProjectionKey(old, now))
	if err != nil {
		return nil, err
	}
	list := keys.UnsortedList()
	sort.Strings(list)
	return list, nil
}
