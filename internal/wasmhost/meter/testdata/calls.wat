;; Calls of every kind, and ways out of a function that calls.
(module
  (import "env" "twice" (func $twice (param i32) (result i32)))
  (type $unary (func (param i32) (result i32)))
  (table $t (export "table") 4 funcref)
  (elem (i32.const 0) $fib $twice $leaf $ways)
  (global $calls (export "calls") (mut i32) (i32.const 0))
  (global $first (export "first") funcref (ref.func $fib))

  (func $leaf (export "leaf") (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 1)))

  (func $fib (export "fib") (param $n i32) (result i32)
    (if (result i32) (i32.lt_s (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1)))
                     (call $fib (i32.sub (local.get $n) (i32.const 2)))))))

  (func (export "host") (param i32) (result i32) (call $twice (call $twice (local.get 0))))

  (func (export "indirect") (param $f i32) (param $n i32) (result i32)
    (call_indirect (type $unary) (local.get $n) (local.get $f)))

  ;; Leaves by return, by a branch to the function, by a table of branches and by its end.
  (func $ways (export "ways") (param $n i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (drop (call $leaf (local.get $n)))
    (if (i32.eq (local.get $n) (i32.const 0)) (then (return (i32.const 100))))
    (block $outer (result i32)
      (block $inner (result i32)
        (br_table $inner $outer 2 (i32.const 101) (local.get $n)))
      (br 1 (i32.add (i32.const 200))))
    (i32.add (i32.const 1000)))

  (func (export "ways2") (param $n i32) (result i32)
    (drop (call $leaf (local.get $n)))
    (block $b
      (loop $l
        (drop (br_if 2 (i32.const 7) (i32.eq (local.get $n) (i32.const 1))))
        (br_if $b (i32.eq (local.get $n) (i32.const 20)))
        (if (i32.eq (local.get $n) (i32.const 30)) (then (return (i32.const 9))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $l)))
    (i32.const 8))

  (func $two (export "two") (param i32 i64) (result i64 i32)
    (drop (call $leaf (i32.const 0)))
    (if (i32.eqz (local.get 0)) (then (return (i64.const 5) (i32.const 6))))
    (local.get 1) (local.get 0))

  (func (export "swap") (param i32 i64) (result i64 i32)
    (call $two (local.get 0) (local.get 1)))

  (func $down (export "down") (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
    (i32.add (i32.const 1) (call $down (i32.sub (local.get $n) (i32.const 1)))))

  (func $endless (export "endless") (call $endless)))
