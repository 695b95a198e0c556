;; Speaks a version of the contract that this host does not know.
(component
  (core module $module (func (export "f")))
  (core instance $core (instantiate $module))
  (func $f (canon lift (core func $core "f")))
  (instance $integration
    (export "describe" (func $f)) (export "verify" (func $f)) (export "choices" (func $f)))
  (export "keyferry:integration/integration@2.0.0" (instance $integration)))
