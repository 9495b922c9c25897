package main

import (
	"context"
	_ "unsafe" // for go:linkname

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/testing"
	"k8s.io/kubernetes/pkg/controller/endpoint"
)

// The controller exports no way to run it once and to know that it is done.
//
//go:linkname syncEndpoints k8s.io/kubernetes/pkg/controller/endpoint.(*Controller).syncService
func syncEndpoints(controller *endpoint.Controller, ctx context.Context, key string) error

type keeping struct {
	Service   *v1.Service   `json:"service"`
	Pods      []*v1.Pod     `json:"pods"`
	Endpoints *v1.Endpoints `json:"endpoints"`
}

func init() {
	register("endpoints", func(q keeping) (any, error) { return keep(q) })
}

// keep answers with the Endpoints that one sync wrote, and how: create, update, or neither.
func keep(q keeping) (any, error) {
	var written any
	client := &fake.Clientset{}
	client.AddReactor("*", "endpoints", func(action testing.Action) (bool, runtime.Object, error) {
		one, writes := action.(testing.CreateAction)
		if !writes {
			return true, nil, nil
		}
		written = map[string]any{"verb": action.GetVerb(), "object": one.GetObject()}
		return true, one.GetObject(), nil
	})
	factory := informers.NewSharedInformerFactory(client, 0)
	core := factory.Core().V1()
	controller := endpoint.NewEndpointController(context.Background(), core.Pods(), core.Services(), core.Endpoints(), client, 0)
	for _, pod := range q.Pods {
		if err := core.Pods().Informer().GetStore().Add(pod); err != nil {
			return nil, err
		}
	}
	if err := core.Services().Informer().GetStore().Add(q.Service); err != nil {
		return nil, err
	}
	if q.Endpoints != nil {
		if err := core.Endpoints().Informer().GetStore().Add(q.Endpoints); err != nil {
			return nil, err
		}
	}
	if err := syncEndpoints(controller, context.Background(), q.Service.Namespace+"/"+q.Service.Name); err != nil {
		return nil, err
	}
	if written == nil {
		return map[string]any{"verb": ""}, nil
	}
	return written, nil
}
