# Restricted allows only volumes that hold nothing of the node.
package lib.pod_security

volume_sources := {
	"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral",
	"image", "persistentVolumeClaim", "projected", "secret",
}

violations contains v if {
	level >= 2
	bad := [volume | some volume in spec.volumes; not volume_allowed(volume)]
	count(bad) > 0
	v := {
		"rule": "pod-security-restricted/volumes",
		"title": "Pods may mount only the volume types of the restricted standard.",
		"message": $"volumes {names(bad)} are of another type",
		"severity": "medium",
		"controls": ["CIS 5.2.11"],
	}
}

volume_allowed(volume) if {
	some source in volume_sources
	is_object(volume[source])
}

# A volume that names no source becomes an emptyDir.
volume_allowed(volume) if {
	sources := [source | some source, value in volume; source != "name"; value != null]
	count(sources) == 0
}
