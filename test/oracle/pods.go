package main

import (
	"encoding/json"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"
	"k8s.io/kubernetes/pkg/controller"
	clocktesting "k8s.io/utils/clock/testing"
)

type selecting struct {
	Selector *metav1.LabelSelector `json:"selector"`
	Labels   map[string]string     `json:"labels"`
}

type judging struct {
	Pods            []*v1.Pod `json:"pods"`
	Ranks           []int     `json:"ranks"`
	Now             int64     `json:"now"`
	MinReadySeconds int32     `json:"minReadySeconds"`
}

type patching struct {
	Before json.RawMessage `json:"before"`
	Patch  json.RawMessage `json:"patch"`
}

func init() {
	register("match", func(q selecting) (any, error) { return match(q.Selector, q.Labels), nil })
	register("less", func(q judging) (any, error) { return less(q.Pods, q.Ranks, time.UnixMilli(q.Now)), nil })
	register("pods", func(q judging) (any, error) { return pods(q.Pods, q.MinReadySeconds, time.UnixMilli(q.Now)), nil })
	register("merge", func(q patching) (any, error) {
		after, err := jsonpatch.MergePatch(q.Before, q.Patch)
		return json.RawMessage(after), err
	})
	register("strategic", func(q patching) (any, error) {
		after, err := strategicpatch.StrategicMergePatch(q.Before, q.Patch, v1.Pod{})
		return json.RawMessage(after), err
	})
}

func match(selector *metav1.LabelSelector, set map[string]string) any {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return map[string]any{"valid": false}
	}
	return map[string]any{"valid": true, "matches": compiled.Matches(labels.Set(set)), "empty": compiled.Empty()}
}

// less compares each pod with each: row i, column j says whether i is deleted before j.
func less(pods []*v1.Pod, ranks []int, now time.Time) any {
	ranked := controller.ActivePodsWithRanks{Pods: pods, Rank: ranks, Now: metav1.Time{Time: now}}
	matrix := make([][]bool, len(pods))
	for i := range pods {
		matrix[i] = make([]bool, len(pods))
		for j := range pods {
			matrix[i][j] = ranked.Less(i, j)
		}
	}
	return matrix
}

func pods(pods []*v1.Pod, minReadySeconds int32, now time.Time) any {
	answers := make([]map[string]bool, len(pods))
	for i, pod := range pods {
		answers[i] = map[string]bool{
			"active":      controller.IsPodActive(pod),
			"terminating": controller.IsPodTerminating(pod),
			"ready":       podutil.IsPodReady(pod),
			"available":   podutil.IsPodAvailable(pod, minReadySeconds, metav1.Time{Time: now}),
		}
	}
	answer := map[string]any{"pods": answers}
	clock := clocktesting.NewFakePassiveClock(now)
	if next := controller.FindMinNextPodAvailabilityCheck(pods, minReadySeconds, now, clock); next != nil {
		answer["next"] = next.Milliseconds()
	}
	return answer
}
