;; Verifies any connection at once, with an account that is all zeros: the smallest plugin there can be.
(component
  (core module $module
    (memory (export "memory") 1)
    (data (i32.const 0) "\08\00\00\00\02\00\00\00{}")
    (func (export "describe") (result i32) i32.const 0)
    (func (export "verify") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) i32.const 64)
    (func (export "choices") (param i32) (result i32) unreachable)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
  (core instance $core (instantiate $module))
  (alias core export $core "memory" (core memory $memory))
  (alias core export $core "realloc" (core func $realloc))

  (type $connection-record (record
    (field "settings" string) (field "plugin-settings" string) (field "auth-method" string) (field "credentials" string)))
  (export $connection "connection" (type $connection-record))
  (type $error-record (record
    (field "kind" string) (field "message" string) (field "field" (option string)) (field "http-status" (option u16))
    (field "retry-after-ms" (option u32)) (field "request-id" (option string))))
  (export $error "error" (type $error-record))
  (type $account-record (record
    (field "id" string) (field "display-name" (option string)) (field "details" (list (tuple string string)))
    (field "expires-at" (option u32)) (field "missing-permissions" (list string))))
  (export $account "account" (type $account-record))
  (type $choice-record (record (field "value" string) (field "label" string) (field "description" (option string))))
  (export $choice "choice" (type $choice-record))
  (type $choice-page-record (record (field "choices" (list $choice)) (field "next" (option string))))
  (export $choice-page "choice-page" (type $choice-page-record))

  (func $describe (result string)
    (canon lift (core func $core "describe") (memory $memory) (realloc $realloc)))
  (func $verify (param "connection" $connection) (result (result $account (error $error)))
    (canon lift (core func $core "verify") (memory $memory) (realloc $realloc)))
  (func $choices
    (param "connection" $connection) (param "scope" string) (param "parameter" string) (param "known" string)
    (param "cursor" (option string)) (result (result $choice-page (error $error)))
    (canon lift (core func $core "choices") (memory $memory) (realloc $realloc)))
  (instance $integration
    (export "describe" (func $describe)) (export "verify" (func $verify)) (export "choices" (func $choices)))
  (export "keyferry:integration/integration@1.0.0" (instance $integration)))
