;; Numbers: sign extension, saturating truncation, constants at their limits.
(module
  (func (export "ints") (param $a i32) (param $b i64) (result i64)
    (i64.add
      (i64.extend8_s (i64.xor (local.get $b) (i64.const -9223372036854775808)))
      (i64.add
        (i64.extend_i32_s (i32.extend16_s (i32.xor (local.get $a) (i32.const -2147483648))))
        (i64.rotl (local.get $b) (i64.const 9223372036854775807)))))
  (func (export "floats") (param $a f32) (param $b f64) (result i64)
    (i64.xor
      (i64.trunc_sat_f64_s (f64.mul (local.get $b) (f64.const 0x1.8p+61)))
      (i64.extend_i32_u (i32.trunc_sat_f32_u (f32.sqrt (f32.add (local.get $a) (f32.const 1.5)))))))
  (func (export "pick") (param $n i32) (result i32)
    (ref.is_null (select (result funcref) (ref.null func) (ref.func 0) (local.get $n))))
  (func (export "divide") (param $a i32) (param $b i32) (result i32)
    (i32.div_s (local.get $a) (local.get $b))))
