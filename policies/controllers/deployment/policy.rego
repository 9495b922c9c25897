# deployment: makes, scales and removes the ReplicaSets of a Deployment, takes and releases them, takes the Deployment's
# template back to an earlier one where that was asked for, and reports its status.
package controllers.deployment

import data.lib.ownership
import data.lib.status
import data.lib.write

covers := {
	"apps/replicasets create",
	"apps/replicasets patch",
	"apps/replicasets delete",
	"apps/deployments patch",
	"apps/deployments/status patch",
}

hash_label := "pod-template-hash"

revision := "deployment.kubernetes.io/revision"

desired := "deployment.kubernetes.io/desired-replicas"

largest := "deployment.kubernetes.io/max-replicas"

rollback_to := "deprecated.deployment.rollback.to"

violations contains v if {
	not for_deployment
	v := {
		"rule": "deployment/trigger",
		"title": "The deployment controller acts only for a Deployment.",
		"message": $"the trigger is {input.cause.trigger.apiVersion} {input.cause.trigger.kind}",
		"severity": "high",
		"controls": [],
	}
}

for_deployment if {
	input.cause.trigger.apiVersion == "apps/v1"
	input.cause.trigger.kind == "Deployment"
}

# Nothing but its status changes any more: its ReplicaSets go the way that its deletion says.
violations contains v if {
	write.operation in {"apps/replicasets patch", "apps/replicasets delete", "apps/deployments patch"}
	input.facts.owner.value.metadata.deletionTimestamp
	v := {
		"rule": "deployment/owner-terminating",
		"title": "Nothing is scaled, rolled back or cleaned up for a Deployment that is being deleted.",
		"message": $"{input.cause.trigger.name} is being deleted, and {input.write.name} would change",
		"severity": "medium",
		"controls": [],
	}
}

violations contains v if {
	write.operation == "apps/replicasets create"
	some v in ownership.creation
}

violations contains v if {
	write.operation == "apps/replicasets create"
	not same_template
	v := {
		"rule": "deployment/template",
		"title": "A ReplicaSet is made with the template of its Deployment.",
		"message": $"the template of {input.write.name} is not that of {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	write.operation == "apps/replicasets create"
	not same_selector
	v := {
		"rule": "deployment/selector",
		"title": "A ReplicaSet selects what its Deployment selects, of one template.",
		"message": $"the selector of {input.write.name} is not that of {input.cause.trigger.name} with the hash of its template",
		"severity": "high",
		"controls": [],
	}
}

# The Deployment's own template, labelled with a hash.
same_template if {
	template := input.object.spec.template
	expected := input.facts.owner.value.spec.template
	object.remove(template, ["metadata"]) == object.remove(expected, ["metadata"])
	metadata := object.get(template, "metadata", {})
	wished := object.get(expected, "metadata", {})
	object.remove(metadata, ["labels"]) == object.remove(wished, ["labels"])
	unhashed(metadata.labels) == unhashed(object.get(wished, "labels", {}))
	hash != ""
}

same_selector if {
	selector := input.object.spec.selector
	expected := input.facts.owner.value.spec.selector
	object.get(selector, "matchExpressions", []) == object.get(expected, "matchExpressions", [])
	unhashed(selector.matchLabels) == unhashed(object.get(expected, "matchLabels", {}))
	selector.matchLabels[hash_label] == hash
	input.object.metadata.labels[hash_label] == hash
	recognised
}

# What the Deployment's own selector says of the hash holds of this one: else it would not find what it made.
recognised if {
	expected := input.facts.owner.value.spec.selector
	object.get(object.get(expected, "matchLabels", {}), hash_label, hash) == hash
	every requirement in object.get(expected, "matchExpressions", []) { permits_hash(requirement) }
}

permits_hash(requirement) if requirement.key != hash_label

permits_hash(requirement) if requirement.operator == "Exists"

permits_hash(requirement) if {
	requirement.operator == "In"
	hash in requirement.values
}

permits_hash(requirement) if {
	requirement.operator == "NotIn"
	every value in requirement.values { value != hash }
}

hash := input.object.spec.template.metadata.labels[hash_label]

unhashed(labels) := object.remove(labels, [hash_label])

violations contains v if {
	write.operation == "apps/replicasets delete"
	some v in ownership.deletion
}

violations contains v if {
	write.operation == "apps/replicasets delete"
	not empty
	v := {
		"rule": "deployment/delete-in-use",
		"title": "Only a ReplicaSet without pods is history that may be deleted.",
		"message": $"{input.write.name} wishes or has pods",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	write.operation == "apps/replicasets delete"
	not precise
	v := {
		"rule": "deployment/delete-blind",
		"title": "A ReplicaSet is deleted only as it was seen.",
		"message": $"{input.write.name} would be deleted whatever became of it",
		"severity": "medium",
		"controls": [],
	}
}

empty if {
	input.before.spec.replicas == 0
	object.get(input.before, ["status", "replicas"], 0) == 0
}

precise if input.write.preconditions.resourceVersion != ""

# A patch that touches owner references claims or releases, and does nothing else.
violations contains v if {
	write.operation == "apps/replicasets patch"
	claims
	some v in ownership.claims
}

claims if "ownerReferences" in write.patch_metadata

violations contains v if {
	write.operation == "apps/replicasets patch"
	not claims
	not ownership.controlled
	v := {
		"rule": "deployment/foreign",
		"title": "Only the Deployment's own ReplicaSets are scaled.",
		"message": $"{input.write.name} is not controlled by {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	write.operation == "apps/replicasets patch"
	not claims
	not only_scaled
	v := {
		"rule": "deployment/scale-only",
		"title": "A ReplicaSet's size and annotations change, nothing else of it.",
		"message": $"the patch of {input.write.name} changes more than size, minReadySeconds and annotations",
		"severity": "high",
		"controls": [],
	}
}

only_scaled if {
	count(write.patch_members - {"metadata", "spec"}) == 0
	count((write.patch_metadata - write.preconditions) - {"annotations"}) == 0
	count(object.keys(object.get(input.patch, "spec", {})) - {"replicas", "minReadySeconds"}) == 0
	input.write.preconditions.resourceVersion != ""
}

# Whoever watches for a sudden loss of pods reads the wished size beside the size: both are written together.
violations contains v if {
	write.operation in {"apps/replicasets create", "apps/replicasets patch"}
	sizes
	not noted
	v := {
		"rule": "deployment/size-noted",
		"title": "A ReplicaSet's size is changed only together with the size of the Deployment that it is for.",
		"message": $"{input.write.name} would get a size beyond what its annotations say",
		"severity": "medium",
		"controls": [],
	}
}

sizes if input.write.verb == "create"

sizes if input.patch.spec.replicas >= 0

noted if {
	annotations := input.object.metadata.annotations
	to_number(annotations[desired]) == input.facts.owner.value.spec.replicas
	to_number(annotations[largest]) == input.facts.owner.value.spec.replicas + surge
	bounded
}

bounded if input.object.spec.replicas <= to_number(input.object.metadata.annotations[largest])

# One that is larger, because somebody made it so, may take several steps down.
bounded if input.object.spec.replicas <= input.before.spec.replicas

# Of the Deployment itself: what the write claims of it is no bound.
default surge := 0

surge := count_of(max_surge) if input.facts.owner.value.spec.strategy.type == "RollingUpdate"

max_surge := input.facts.owner.value.spec.strategy.rollingUpdate.maxSurge

count_of(value) := value if is_number(value)

count_of(value) := ceil((input.facts.owner.value.spec.replicas * to_number(trim_suffix(value, "%"))) / 100) if is_string(value)

violations contains v if {
	write.operation == "apps/deployments patch"
	not rolls_back
	v := {
		"rule": "deployment/rollback-only",
		"title": "A Deployment's template and annotations change only by a rollback that was asked for.",
		"message": $"the patch of {input.write.name} is no rollback of it",
		"severity": "high",
		"controls": [],
	}
}

violations contains v if {
	write.operation == "apps/deployments patch"
	not status.of_trigger
	v := {
		"rule": "deployment/foreign",
		"title": "Only the Deployment that is reconciled is rolled back.",
		"message": $"{input.write.name} is not the trigger {input.cause.trigger.name}",
		"severity": "high",
		"controls": [],
	}
}

rolls_back if {
	count(write.patch_members - {"metadata", "spec"}) == 0
	write.patch_metadata - write.preconditions == {"annotations"}
	count(object.keys(object.get(input.patch, "spec", {})) - {"template"}) == 0
	input.before.metadata.annotations[rollback_to]
	object.get(input.object, ["metadata", "annotations", rollback_to], "") == ""
	input.write.preconditions.resourceVersion != ""
}

# As upstream's, its status write sets the revision as well.
violations contains v if {
	write.operation == "apps/deployments/status patch"
	some v in status.violations
	v.rule != "status/only"
}

violations contains v if {
	write.operation == "apps/deployments/status patch"
	not reports
	v := {
		"rule": "deployment/status-only",
		"title": "A status patch touches the status and the revision only.",
		"message": $"the patch of {input.write.name} changes more than its status and its revision",
		"severity": "high",
		"controls": [],
	}
}

reports if {
	count(write.patch_members - {"metadata", "status"}) == 0
	count((write.patch_metadata - write.preconditions) - {"annotations"}) == 0
	annotations := object.get(input.patch, ["metadata", "annotations"], {})
	count(object.keys(annotations) - {revision}) == 0
}
