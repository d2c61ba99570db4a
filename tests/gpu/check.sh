#!/usr/bin/env bash
# A check of the CUDA path for a person with a GPU and ten minutes; every step prints what came of it and goes on.
#
#     bash tests/gpu/check.sh DATA 2>&1 | tee check.log
#
# DATA is a folder with MNIST/raw/train-images-idx3-ubyte ... (files ending in .gz will do). The program is
# installed without its dependencies, of which torch, numpy, safetensors and psutil must be there. DEVICE=cpu tries the
# script itself on a machine without a GPU, and EPOCHS, SHORT and MANY shorten it; PYTHON names another interpreter.
set -u
export PYTHONUNBUFFERED=1
data=$(realpath "${1:?give the folder that holds MNIST/raw}")
device=${DEVICE:-cuda}
python=${PYTHON:-python3}
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
runs=$work/runs
# Without pip two links do.
$python -m pip install -q --no-index --no-deps --no-build-isolation --target "$work/site" . 2>/dev/null || {
  mkdir -p "$work/site/logreg_tui" "$work/site/logreg_tui-0.1.0.dist-info"
  ln -s "$PWD/core" "$PWD/tui" "$work/site/logreg_tui/"
  printf 'Metadata-Version: 2.1\nName: logreg-tui\nVersion: 0.1.0\n' >"$work/site/logreg_tui-0.1.0.dist-info/METADATA"
}
export PYTHONPATH=$work/site
# The checkout has folders named core and tui: run from elsewhere.
repository=$PWD
cd "$work" || exit 1
logreg="$python -m logreg_tui.tui"
mnist="--dataset mnist --data-dir $data --device $device --runs-dir $runs"
engines="eager graph fused"
[ "$device" = cpu ] && engines="eager auto"
best=${engines##* }
# Stamps and kernels of its own: the first start is one.
export XDG_CACHE_HOME=$work/cache
unset TRITON_CACHE_DIR

step() {
  echo "== $1"
  shift
  local start status
  start=$(date +%s%3N)
  timeout "${LIMIT:-120}" "$@"
  status=$?
  echo "status $status, $(($(date +%s%3N) - start)) ms"
}
ends_of() { cat "$runs"/*-"$1"/metrics.csv 2>/dev/null | wc -l; }

nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.used --format=csv
$python -c "import torch; print(torch.__version__, torch.cuda.is_available() and (torch.cuda.get_device_name(), torch.cuda.get_arch_list()))"

# 0 The fused kernel by itself, with all that Triton prints. Expected: "failure": null. On a processor: no driver.
probe() { echo "{\"nonce\": \"check\", \"device\": 0, \"shape\": $1, \"folder\": \"$work/kernel\"}" | $python -P -m logreg_tui.core.engine.gpu.probe; }
export -f probe
export python work
step "kernel" bash -c 'probe "{\"features\": 717, \"classes\": 10, \"has_offset\": false}"'
step "kernel, shifted inputs" bash -c 'probe "{\"features\": 64, \"classes\": 3, \"has_offset\": true}"'

# 1 Expected on a GPU: a line "engine fused: .. us an epoch (graph of bf16x3 .., graph .., eager ..), losses agree to ..", in
#   both the same engine; the first in less than 20 s, the second in less than 6. "was left out: .." says what is to be mended.
step "first start" $logreg train $mnist --name cold --epochs 10
step "second start" $logreg train $mnist --name warm --epochs 10

# 2 The original experiment by each engine. Expected of the sigmoid: epoch 1,000 objective 1.5636 +- 0.001, accuracies
#   0.888 and 0.897; epoch 9,000 1.5424, 0.907 and 0.906. Seconds of training (below), estimated for an H100: eager
#   less than 8, graph less than 2, fused less than 0.8.
for engine in $engines; do
  LIMIT=300 step "${EPOCHS:-10000} epochs, $engine" $logreg train $mnist --name "long-$engine" --engine "$engine" --head sigmoid logits --epochs "${EPOCHS:-10000}"
done

# 3 The engines agree with the first: sigmoid, first 100 epochs, losses to 1e-4, accuracies to 2e-3.
$python - "$runs" $engines <<'PYTHON'
import csv, glob, sys

def rows(engine):
    (path,) = glob.glob(f"{sys.argv[1]}/*-long-{engine}/metrics.csv")
    with open(path) as file:
        return [row for row in csv.DictReader(file) if row["run"] == "1"]

engines = sys.argv[2:]
first = rows(engines[0])
for engine in engines:
    try:
        found = rows(engine)
    except ValueError:
        print(f"{engine}: FAIL, no rows")
        continue
    early = [(a, b) for a, b in zip(first, found) if int(a["epoch"]) <= 100]
    losses = max(abs(float(b[n]) / float(a[n]) - 1) for a, b in early for n in ("train_loss", "test_loss", "l2_penalty"))
    shares = max(abs(float(b[n]) - float(a[n])) for a, b in early for n in ("train_accuracy", "test_accuracy"))
    verdict = "PASS" if losses < 1e-4 and shares < 2e-3 and len(found) == len(first) else "FAIL"
    print(f"{engine} beside {engines[0]}: losses {losses:.1e}, accuracies {shares:.1e}: {verdict}")
    print(f"   {len(found)} rows, {float(found[-1]['elapsed_s']):.2f} s of training two runs")
PYTHON

# 4 The same bits twice, after kill and resume, and repeated; no line says that rows may differ.
short=${SHORT:-3000}
for name in a b; do step "the same again, $name" $logreg train $mnist --name "bits-$name" --engine "$best" --seed 3 --epochs "$short"; done
$logreg train $mnist --name bits-c --engine "$best" --seed 3 --epochs "$short" --log-every 1 >/dev/null 2>&1 &
process=$!
for _ in $(seq 600); do
  sleep 0.05
  [ "$(ends_of bits-c)" -gt $((short / 5)) ] && break
done
kill -9 $process
wait $process 2>/dev/null
step "resume" $logreg resume "$runs"/*-bits-c --no-screen
step "repeat" $logreg repeat "$runs"/*-bits-a --runs-dir "$work/again"
mv "$work"/again/* "$runs/0-bits-d"
$python - "$runs" <<'PYTHON'
import csv, glob, sys

def rows(name):
    (path,) = glob.glob(f"{sys.argv[1]}/*-bits-{name}/metrics.csv")
    with open(path) as file:
        return {row["epoch"]: [value for key, value in row.items() if key != "elapsed_s"] for row in csv.DictReader(file)}

a, b, c, d = map(rows, "abcd")
print("twice the same bits:", "PASS" if a == b else "FAIL")
print("repeated:", "PASS" if a == d else "FAIL")
print("after kill and resume:", "PASS" if set(a) <= set(c) and all(c[epoch] == a[epoch] for epoch in a) else "FAIL")
PYTHON

# 5 Many runs, other pixels, odd strides, a divergence, small data.
step "24 runs" $logreg train $mnist --name many --head sigmoid logits --l2 0 0.001 0.01 --seed 0 1 2 3 --epochs "${MANY:-500}"
step "standardized" $logreg train $mnist --pixels standardized --lr 0.1 --name standardized --epochs "${MANY:-500}"
step "odd strides" $logreg train $mnist --name odd --log-every 7 --report-every 30 --epochs "${MANY:-300}"
#   Expected: the losses of each optimizer the same by every engine to 1e-3 at epoch 200.
for engine in $engines; do
  step "optimizers, $engine" $logreg train $mnist --pixels unit --head logits --lr 0.01 --optimizer sgd momentum nesterov adam --name "optimizers-$engine" --engine "$engine" --epochs "${MANY:-500}"
  tail -n 4 "$runs"/*-optimizers-"$engine"/metrics.csv | cut -d, -f1,2,7,9,11
done
step "diverges, status 0" $logreg train $mnist --name diverges --head logits --lr 1e30 --epochs 100
step "digits (needs scikit-learn)" $logreg train --dataset digits --device "$device" --runs-dir "$runs" --name digits --epochs 200

# 6 What must be survived with one clear line and status 0. Without a compiler the line is "engine graph: ..; the fused
#   kernel was left out: /bin/false failed with status 1"; the others end with the fused engine.
CC=/bin/false XDG_CACHE_HOME=$work/empty step "no compiler" $logreg train $mnist --name nocc --epochs 100
CC=/bin/false XDG_CACHE_HOME=$work/empty step "no compiler, known" $logreg train $mnist --name nocc --epochs 100
HOME=/proc/none XDG_CACHE_HOME=/proc/none step "no home" $logreg train $mnist --name nohome --epochs 100
stamps=$work/cache/logreg-tui/gpu
for stamp in "$stamps"/*.json; do [ -e "$stamp" ] && echo '{"damaged' >"$stamp"; done
step "damaged stamps" $logreg train $mnist --name damaged --epochs 100
for stamp in "$stamps"/*.json; do [ -e "$stamp" ] && rm "$stamp" && mkfifo "$stamp"; done
step "pipes in their place" $logreg train $mnist --name pipes --epochs 100
find "$stamps" -name '*.cubin' -exec truncate -s 100 {} + 2>/dev/null
step "damaged kernels" $logreg train $mnist --name damaged-kernels --epochs 100
#   One line and status 1.
TRITON_INTERPRET=1 step "fused where it cannot be, status 1" $logreg train $mnist --name refused --engine fused --epochs 10
#   A line "notice: rows may differ in their last digits: the engine is now ..", then rows.
TRITON_INTERPRET=1 step "resumed without the kernel" $logreg resume "$runs"/*-bits-b --no-screen --epochs $((short + 100))
step "resumed by the eager engine" $logreg resume "$runs"/*-bits-a --no-screen --epochs $((short + 100)) --engine eager

# 7 The engine beside a plain loop ("they agree"), memory, the tests that need a GPU.
LIMIT=300 step "bench" $logreg bench --dataset mnist --data-dir "$data" --device "$device" --runs ${BENCH:-1 8} --pairs 3 --no-startup --no-screen
nvidia-smi --query-gpu=memory.used --format=csv,noheader
if command -v compute-sanitizer >/dev/null; then
  step "memcheck, expected 0 errors" compute-sanitizer --tool memcheck --error-exitcode 9 $logreg train $mnist --engine "$best" --name memcheck --epochs 20
fi
cd "$repository" && step "tests" $python -m pytest -q -p no:cacheprovider tests/core/engine -k gpu
