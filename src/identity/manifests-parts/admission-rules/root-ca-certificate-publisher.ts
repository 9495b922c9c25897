import type { AdmissionRules } from './port.ts';

export const rootCaCertificatePublisherRules: readonly AdmissionRules[] = [
  {
    resource: { group: '', version: 'v1', plural: 'configmaps' },
    validations: [
      {
        on: ['create', 'update'],
        message: 'root-ca-certificate-publisher writes only the ConfigMap kube-root-ca.crt',
        expression: "object.metadata.name == 'kube-root-ca.crt'",
      },
      {
        on: ['create', 'update'],
        message: 'root-ca-certificate-publisher publishes one certificate bundle and nothing beside it',
        // A bundle may begin with words: distributions name each of its certificates.
        expression: [
          "has(object.data) && object.data.size() == 1 && 'ca.crt' in object.data &&",
          "object.data['ca.crt'].contains('-----BEGIN CERTIFICATE-----') && !object.data['ca.crt'].contains('PRIVATE KEY')",
        ].join(' '),
      },
      {
        on: ['create'],
        message: 'root-ca-certificate-publisher makes nothing that it could not mend',
        expression: '!has(object.immutable) && !has(object.binaryData)',
      },
      {
        on: ['update'],
        message: 'root-ca-certificate-publisher changes the certificate and its description, nothing else',
        // The mutating admission of others may set labels at any change. A label may have programs read the text, so
        // only what begins as no text of theirs would may come with another one.
        expression: [
          "(object.metadata.?labels == oldObject.metadata.?labels || object.data['ca.crt'].startsWith('-----BEGIN CERTIFICATE-----')) &&",
          'object.?immutable == oldObject.?immutable && object.?binaryData == oldObject.?binaryData &&',
          'object.metadata.?finalizers == oldObject.metadata.?finalizers &&',
          'object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences',
        ].join(' '),
      },
    ],
  },
];
