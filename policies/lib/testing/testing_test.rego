# Judges the shared cases of testdata/: the same that vitest gives to the compiled module.
package lib.testing

input_of(c) := object.union(json.remove(data.bases[c.base], object.get(c, "without", [])), object.get(c, "with", {}))

overlaid(c, key, below) := object.union(below, object.get(c, ["data", key], {}))

decision_of(c) := decision if {
	aggregation := overlaid(c, "aggregation", data.aggregation)
	declared := overlaid(c, "declared", data.declared)
	exemptions := overlaid(c, "exemptions", data.exemptions)
	finalizers := overlaid(c, "finalizers", data.finalizers)
	pod_security := overlaid(c, "pod_security", data.pod_security)
	decision := data.gate.decision with input as input_of(c)
		with data.aggregation as aggregation
		with data.declared as declared
		with data.exemptions as exemptions
		with data.finalizers as finalizers
		with data.pod_security as pod_security
}

# The rules that speak are exactly those that the case names.
holds(c) if {
	decision := decision_of(c)
	decision.allow == c.expect.allow
	{v.rule | some v in decision.violations} == {rule | some rule in object.get(c.expect, "rules", [])}
}
