// Command oracle answers questions with Kubernetes' own code, so that tests can hold ours against it.
//
// It reads one JSON question a line from standard input and writes one JSON answer a line to standard output.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
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

// Question holds the arguments of every operation; each uses its own.
type Question struct {
	Op              string                `json:"op"`
	Selector        *metav1.LabelSelector `json:"selector"`
	Labels          map[string]string     `json:"labels"`
	Pods            []*v1.Pod             `json:"pods"`
	Ranks           []int                 `json:"ranks"`
	Now             int64                 `json:"now"`
	MinReadySeconds int32                 `json:"minReadySeconds"`
	Before          json.RawMessage       `json:"before"`
	Patch           json.RawMessage       `json:"patch"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	questions := json.NewDecoder(in)
	answers := json.NewEncoder(out)
	for questions.More() {
		var question Question
		if err := questions.Decode(&question); err != nil {
			fail(err)
		}
		answer, err := ask(question)
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		if err := answers.Encode(answer); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func ask(question Question) (any, error) {
	now := time.UnixMilli(question.Now)
	switch question.Op {
	case "match":
		return match(question.Selector, question.Labels), nil
	case "less":
		return less(question.Pods, question.Ranks, now), nil
	case "pods":
		return pods(question.Pods, question.MinReadySeconds, now), nil
	case "merge":
		after, err := jsonpatch.MergePatch(question.Before, question.Patch)
		return json.RawMessage(after), err
	case "strategic":
		after, err := strategicpatch.StrategicMergePatch(question.Before, question.Patch, v1.Pod{})
		return json.RawMessage(after), err
	default:
		return nil, fmt.Errorf("answering %q: it is no operation", question.Op)
	}
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
