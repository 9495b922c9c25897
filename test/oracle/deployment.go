package main

import (
	"context"
	"encoding/json"
	"sort"
	"strconv"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller"
	"k8s.io/kubernetes/pkg/controller/deployment/util"
)

type rolling struct {
	Deployment  *apps.Deployment   `json:"deployment"`
	ReplicaSets []*apps.ReplicaSet `json:"replicaSets"`
}

type sharing struct {
	Deployment *apps.Deployment `json:"deployment"`
	ReplicaSet *apps.ReplicaSet `json:"replicaSet"`
	Change     int32            `json:"change"`
	Given      int32            `json:"given"`
}

type annotating struct {
	Deployment *apps.Deployment `json:"deployment"`
	ReplicaSet *apps.ReplicaSet `json:"replicaSet"`
	Revision   string           `json:"revision"`
	Most       int              `json:"most"`
}

type templates struct {
	A *v1.PodTemplateSpec `json:"a"`
	B *v1.PodTemplateSpec `json:"b"`
}

type reporting struct {
	Deployment *apps.Deployment         `json:"deployment"`
	Status     *apps.DeploymentStatus   `json:"status"`
	Condition  apps.DeploymentCondition `json:"condition"`
}

func init() {
	register("deployment/bounds", func(q rolling) (any, error) { return bounds(q.Deployment), nil })
	register("deployment/family", func(q rolling) (any, error) { return family(q.Deployment, q.ReplicaSets) })
	register("deployment/orders", func(q rolling) (any, error) { return orders(q.ReplicaSets), nil })
	register("deployment/proportion", func(q sharing) (any, error) {
		return util.GetReplicaSetProportion(klog.Background(), q.ReplicaSet, *q.Deployment, q.Change, q.Given), nil
	})
	register("deployment/annotations", func(q annotating) (any, error) {
		util.SetNewReplicaSetAnnotations(context.Background(), q.Deployment, q.ReplicaSet, q.Revision, true, q.Most)
		return q.ReplicaSet.Annotations, nil
	})
	register("deployment/rolled-back", func(q annotating) (any, error) {
		util.SetDeploymentAnnotationsTo(q.Deployment, q.ReplicaSet)
		util.SetFromReplicaSetTemplate(q.Deployment, q.ReplicaSet.Spec.Template)
		return map[string]any{"annotations": q.Deployment.Annotations, "labels": q.Deployment.Spec.Template.Labels}, nil
	})
	register("deployment/templates", func(q templates) (any, error) {
		a, err := json.Marshal(q.A)
		if err != nil {
			return nil, err
		}
		b, err := json.Marshal(q.B)
		same := util.EqualIgnoreHash(q.A, q.B)
		return map[string]any{"same": same, "a": json.RawMessage(a), "b": json.RawMessage(b)}, err
	})
	register("deployment/status", func(q reporting) (any, error) {
		answer := map[string]any{
			"complete":   util.DeploymentComplete(q.Deployment, q.Status),
			"progressed": util.DeploymentProgressing(q.Deployment, q.Status),
			"deadline":   util.HasProgressDeadline(q.Deployment),
		}
		util.SetDeploymentCondition(q.Status, q.Condition)
		answer["conditions"] = q.Status.Conditions
		return answer, nil
	})
}

func bounds(d *apps.Deployment) any {
	return map[string]int32{
		"surge":       util.MaxSurge(*d),
		"unavailable": util.MaxUnavailable(*d),
		"available":   *d.Spec.Replicas - util.MaxUnavailable(*d),
	}
}

func names(sets []*apps.ReplicaSet) []string {
	named := make([]string, 0, len(sets))
	for _, rs := range sets {
		named = append(named, name(rs))
	}
	return named
}

func name(rs *apps.ReplicaSet) string {
	if rs == nil {
		return ""
	}
	return rs.Name
}

func family(d *apps.Deployment, sets []*apps.ReplicaSet) (any, error) {
	newest := util.FindNewReplicaSet(d, sets)
	_, old := util.FindOldReplicaSets(d, sets)
	answer := map[string]any{
		"newest":      name(newest),
		"old":         names(old),
		"max":         strconv.FormatInt(util.MaxRevision(klog.Background(), old), 10),
		"last":        strconv.FormatInt(util.LastRevision(klog.Background(), sets), 10),
		"saturated":   util.IsSaturated(d, newest),
		"terminating": util.GetTerminatingReplicaCountForReplicaSets(sets),
	}
	if newest != nil {
		size, err := util.NewRSNewReplicas(d, sets, newest)
		if err != nil {
			return nil, err
		}
		answer["size"] = size
	}
	answer["only"] = name(util.FindActiveOrLatest(newest, old))
	return answer, nil
}

func orders(sets []*apps.ReplicaSet) any {
	ordered := func(by func([]*apps.ReplicaSet) sort.Interface) []string {
		copied := append([]*apps.ReplicaSet{}, sets...)
		sort.Sort(by(copied))
		return names(copied)
	}
	return map[string]any{
		"age":      ordered(func(s []*apps.ReplicaSet) sort.Interface { return controller.ReplicaSetsByCreationTimestamp(s) }),
		"newer":    ordered(func(s []*apps.ReplicaSet) sort.Interface { return controller.ReplicaSetsBySizeNewer(s) }),
		"older":    ordered(func(s []*apps.ReplicaSet) sort.Interface { return controller.ReplicaSetsBySizeOlder(s) }),
		"revision": ordered(func(s []*apps.ReplicaSet) sort.Interface { return util.ReplicaSetsByRevision(s) }),
	}
}
