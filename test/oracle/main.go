// Command oracle answers questions with Kubernetes' own code, so that tests can hold ours against it.
//
// It reads one JSON question a line from standard input and writes one JSON answer a line to standard output.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// operations by name. Each file of this folder registers its own, and reads its own arguments from the question.
var operations = map[string]func(question json.RawMessage) (any, error){}

// register makes an operation that reads its arguments as Q.
func register[Q any](name string, answer func(question Q) (any, error)) {
	operations[name] = func(raw json.RawMessage) (any, error) {
		var question Q
		if err := json.Unmarshal(raw, &question); err != nil {
			return nil, err
		}
		return answer(question)
	}
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	questions := json.NewDecoder(in)
	answers := json.NewEncoder(out)
	for questions.More() {
		var question json.RawMessage
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

func ask(raw json.RawMessage) (any, error) {
	var asked struct {
		Op string `json:"op"`
	}
	if err := json.Unmarshal(raw, &asked); err != nil {
		return nil, err
	}
	operation, known := operations[asked.Op]
	if !known {
		return nil, fmt.Errorf("answering %q: it is no operation", asked.Op)
	}
	return operation(raw)
}
