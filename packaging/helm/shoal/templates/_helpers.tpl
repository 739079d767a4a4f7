{{/* Names, labels and pieces that several objects have. */}}

{{- define "shoal.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "shoal.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "shoal.labels" -}}
{{ include "shoal.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "shoal.image" -}}
{{- printf "%s:%s" (required "image.repository: no registry has an image of Shoal; build one with packaging/Dockerfile" .Values.image.repository) (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}

{{- define "shoal.serviceAccount" -}}
{{- default (include "shoal.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* Domain of the names of services. */}}
{{- define "shoal.domain" -}}
{{- printf "%s.svc.%s" .Release.Namespace .Values.clusterDomain -}}
{{- end -}}

{{- define "shoal.listenAny" -}}
{{- ternary "0.0.0.0" "[::]" (eq .Values.ipFamily "IPv4") -}}
{{- end -}}

{{/* An address of this pod as hosts tell it each other; IPv6 stands in brackets. */}}
{{- define "shoal.advertise" -}}
{{- ternary "$(POD_IP)" "[$(POD_IP)]" (eq .Values.ipFamily "IPv4") -}}:{{ .Values.peerPort }}
{{- end -}}

{{/* What pods of hosts are told of themselves. A label that is not there is an empty text, and that is none. */}}
{{- define "shoal.hostEnv" -}}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- if include "shoal.readsNode" .root }}
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
{{- end }}
- name: SHOAL_PEER_ADVERTISE
  value: {{ include "shoal.advertise" .root | quote }}
- name: SHOAL_PEER_ZONE
{{- if .zone }}
  value: {{ .zone | quote }}
{{- else }}
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['topology.kubernetes.io/zone']
{{- end }}
{{- if .rack }}
- name: SHOAL_PEER_RACK
  value: {{ .rack | quote }}
{{- end }}
{{- end -}}

{{/* Says "true" where labels of the node are read; otherwise nothing. */}}
{{- define "shoal.readsNode" -}}
{{- if or .Values.nodeLabels.zone .Values.nodeLabels.rack }}true{{ end -}}
{{- end -}}

{{/* Keys of [peer] that nodes and seeds have alike, TOML. Strings of JSON are strings of TOML. */}}
{{- define "shoal.peerConfig" -}}
{{- $full := include "shoal.fullname" . -}}
{{- $domain := include "shoal.domain" . -}}
listen = "{{ include "shoal.listenAny" . }}:{{ .Values.peerPort }}"
token_keys = "/etc/shoal/config/token.pub"
{{- with .Values.nodeLabels }}
{{- $labels := list }}
{{- with .zone }}{{ $labels = append $labels (printf "zone = %s" (toJson .)) }}{{ end }}
{{- with .rack }}{{ $labels = append $labels (printf "rack = %s" (toJson .)) }}{{ end }}
{{- if $labels }}
node_labels = { {{ join ", " $labels }} }
{{- end }}
{{- end }}
{{- if .Values.tracker.enabled }}
{{- $trackers := list }}
{{- range $at := until (int .Values.tracker.replicas) }}
{{- $trackers = append $trackers (printf "https://%s-tracker-%d.%s-tracker.%s:4020" $full $at $full $domain) }}
{{- end }}
trackers = {{ $trackers | toJson }}
{{- end }}
{{- if .Values.discovery.enabled }}
{{- $names := list }}
{{- if .Values.nodes.enabled }}
{{- $names = append $names (printf "service = \"%s-peers.%s:%v\"" $full $domain .Values.peerPort) }}
{{- end }}
{{- if .Values.seeds.enabled }}
{{- $names = append $names (printf "seeds_service = \"%s-seeds.%s:%v\"" $full $domain .Values.peerPort) }}
{{- end }}
discovery = { {{ join ", " $names }}, interval_seconds = {{ .Values.discovery.intervalSeconds }} }
{{- end }}
{{- end -}}

{{/* Without root, capabilities or a file system to write to. */}}
{{- define "shoal.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The daemon wants to be root, also where it mounts nothing; no capability is left to it. */}}
{{- define "shoal.confinedRoot" -}}
runAsUser: 0
{{ include "shoal.confined" . }}
{{- end -}}

{{- define "shoal.issuer" -}}
{{- if .Values.certManager.issuer.create -}}
name: {{ include "shoal.fullname" . }}
kind: Issuer
group: cert-manager.io
{{- else -}}
name: {{ required "certManager.issuer.name: which issuer, where none is made" .Values.certManager.issuer.name }}
kind: {{ .Values.certManager.issuer.kind }}
group: {{ .Values.certManager.issuer.group }}
{{- end -}}
{{- end -}}

{{/* Seeds by their labels, nodes by their addresses: they are on the host's network. */}}
{{- define "shoal.fromHosts" -}}
{{- with .Values.networkPolicy.nodeCidrs -}}
from:
  {{- range . }}
  - ipBlock:
      cidr: {{ . }}
  {{- end }}
  - podSelector:
      matchLabels: {{- include "shoal.selector" $ | nindent 8 }}
{{- else -}}
from: [] # anywhere
{{- end -}}
{{- end -}}
