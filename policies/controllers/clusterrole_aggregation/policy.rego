# clusterrole-aggregation: gives each ClusterRole with an aggregation rule the rules of those that it selects.
package controllers.clusterrole_aggregation

import data.lib.write

covers := {"rbac.authorization.k8s.io/clusterroles patch"}

violations contains v if {
	not of_trigger
	v := {
		"rule": "clusterrole-aggregation/foreign",
		"title": "Only the ClusterRole that is reconciled is written.",
		"message": $"{input.write.name} is not the trigger {input.cause.trigger.kind} {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	not aggregated
	v := {
		"rule": "clusterrole-aggregation/not-aggregated",
		"title": "Only ClusterRoles with an aggregation rule are written.",
		"message": $"ClusterRole {input.write.name} has no aggregation rule",
		"severity": "critical",
		"controls": ["CIS 5.1.3"],
	}
}

violations contains v if {
	not only_rules
	v := {
		"rule": "clusterrole-aggregation/only-rules",
		"title": "Aggregation changes the rules of a ClusterRole and nothing else.",
		"message": $"the patch of ClusterRole {input.write.name} changes more than its rules, or others than it says",
		"severity": "critical",
		"controls": ["CIS 5.1.3"],
	}
}

# Who may label ClusterRoles may otherwise give `view` the rights of `cluster-admin`: the API server lets a label pass that
# no one could write as a rule. What the ClusterRole holds already is no news.
violations contains v if {
	some rule in input.patch.rules
	unbounded(rule)
	not rule in held
	not exempt
	v := {
		"rule": "clusterrole-aggregation/unbounded",
		"title": "Nothing is aggregated that gives all power, or the right to take more.",
		"message": $"ClusterRole {input.write.name} would get {json.marshal(rule)}",
		"severity": "critical",
		"controls": ["CIS 5.1.3", "CIS 5.1.8"],
	}
}

of_trigger if {
	input.cause.trigger.apiVersion == "rbac.authorization.k8s.io/v1"
	input.cause.trigger.kind == "ClusterRole"
	input.cause.trigger.uid != ""
	input.cause.trigger.uid == input.write.uid
}

aggregated if is_object(input.before.aggregationRule)

only_rules if {
	write.patch_members == {"apiVersion", "kind", "metadata", "rules"}
	write.patch_metadata - write.preconditions == {"name"}
	input.patch.metadata.name == input.write.name
	is_array(input.patch.rules)
	input.object.rules == input.patch.rules
	object.remove(input.object, ["rules"]) == object.remove(input.before, ["rules"])
}

exempt if input.write.name in data.aggregation.unbounded

default held := []

held := input.before.rules if is_array(input.before.rules)

unbounded(rule) if {
	"*" in rule.verbs
	"*" in rule.apiGroups
	some resource in rule.resources
	resource in {"*", "*/*"}
}

unbounded(rule) if {
	some verb in rule.verbs
	verb in {"bind", "escalate", "*"}
	some group in rule.apiGroups
	group in {"rbac.authorization.k8s.io", "*"}
	some resource in rule.resources
	resource in {"clusterroles", "roles", "*", "*/*"}
}

# ServiceAccounts may be impersonated: the API server's own `edit` aggregates that.
unbounded(rule) if {
	"impersonate" in rule.verbs
	some resource in rule.resources
	some prefix in ["users", "groups", "uids", "userextras", "*"]
	startswith(resource, prefix)
}

# Every verb is impersonation, too, where the group is one that has it.
unbounded(rule) if {
	"*" in rule.verbs
	some group in rule.apiGroups
	group in {"", "authentication.k8s.io", "*"}
	some resource in rule.resources
	some prefix in ["users", "groups", "uids", "userextras", "*"]
	startswith(resource, prefix)
}
