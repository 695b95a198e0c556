;; Imports what the contract does not offer: another package, another version, a bare function.
(component
  (import "acme:backdoor/keys@1.0.0" (instance))
  (import "keyferry:integration/http@2.0.0" (instance))
  (import "wasi:http/outgoing-handler@0.2.6" (instance))
  (import "wasi:keyvalue/store@0.2.0" (instance))
  (import "open-door" (func))
  (core module $module (func (export "f")))
  (core instance $core (instantiate $module))
  (func $f (canon lift (core func $core "f")))
  (instance $integration
    (export "describe" (func $f)) (export "verify" (func $f)) (export "choices" (func $f)))
  (export "keyferry:integration/integration@1.0.0" (instance $integration)))
