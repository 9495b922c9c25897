package main

import (
	"context"
	_ "unsafe" // for go:linkname

	apps "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/testing"
	"k8s.io/kubernetes/pkg/controller"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/deployment/util"
)

// The controller exports neither: a whole sync would do more than one of them.
//
//go:linkname reconcileOld k8s.io/kubernetes/pkg/controller/deployment.(*DeploymentController).reconcileOldReplicaSets
func reconcileOld(dc *deployment.DeploymentController, ctx context.Context, all, old []*apps.ReplicaSet, newest *apps.ReplicaSet, d *apps.Deployment) (bool, error)

//go:linkname scale k8s.io/kubernetes/pkg/controller/deployment.(*DeploymentController).scale
func scale(dc *deployment.DeploymentController, ctx context.Context, d *apps.Deployment, newest *apps.ReplicaSet, old []*apps.ReplicaSet) error

func init() {
	register("deployment/lower", func(q rolling) (any, error) {
		return sizes(q, func(dc *deployment.DeploymentController, ctx context.Context, newest *apps.ReplicaSet, old []*apps.ReplicaSet) error {
			// As rolloutRolling calls it.
			_, err := reconcileOld(dc, ctx, append(old, newest), controller.FilterActiveReplicaSets(old), newest, q.Deployment)
			return err
		})
	})
	register("deployment/scale", func(q rolling) (any, error) {
		return sizes(q, func(dc *deployment.DeploymentController, ctx context.Context, newest *apps.ReplicaSet, old []*apps.ReplicaSet) error {
			return scale(dc, ctx, q.Deployment, newest, old)
		})
	})
}

type change func(dc *deployment.DeploymentController, ctx context.Context, newest *apps.ReplicaSet, old []*apps.ReplicaSet) error

// sizes answers with the size of each ReplicaSet after the change.
func sizes(q rolling, do change) (any, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	answer := map[string]int32{}
	for _, rs := range q.ReplicaSets {
		answer[rs.Name] = *rs.Spec.Replicas
	}
	client := &fake.Clientset{}
	client.AddReactor("update", "replicasets", func(action testing.Action) (bool, runtime.Object, error) {
		updated := action.(testing.UpdateAction).GetObject().(*apps.ReplicaSet)
		answer[updated.Name] = *updated.Spec.Replicas
		return true, updated, nil
	})
	factory := informers.NewSharedInformerFactory(client, 0)
	workloads := factory.Apps().V1()
	dc, err := deployment.NewDeploymentController(ctx, workloads.Deployments(), workloads.ReplicaSets(), factory.Core().V1().Pods(), client)
	if err != nil {
		return nil, err
	}
	_, old := util.FindOldReplicaSets(q.Deployment, q.ReplicaSets)
	if err := do(dc, ctx, util.FindNewReplicaSet(q.Deployment, q.ReplicaSets), old); err != nil {
		return nil, err
	}
	return answer, nil
}
