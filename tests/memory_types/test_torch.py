import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_openhcs.errors import ConversionError
from napari_openhcs.memory_types import MEMORY_TYPES, convert
from napari_openhcs.memory_types.base import ALL_DTYPES
from napari_openhcs.memory_types.oom import cleanup_all_gpu_frameworks, with_recovery
from napari_openhcs.testing.memory_types import MemoryTypeTests

torch = pytest.importorskip("torch")


class TestTorch(MemoryTypeTests):
    name = "torch"


DTYPES = st.sampled_from(sorted(ALL_DTYPES))
SHAPES = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
ANY_ARRAY = DTYPES.flatmap(lambda dtype: SHAPES.flatmap(lambda shape: arrays(dtype, shape)))


def steps(ndim):
    return st.tuples(*(st.sampled_from([1, -1, 2, -2]) for _ in range(ndim)))


@st.composite
def layouts(draw):
    """Draw an array with any dtype, shape, order, strides, byte order and writability."""
    array = draw(ANY_ARRAY)
    array = np.asfortranarray(array) if draw(st.booleans()) and array.ndim else array
    array = array[tuple(slice(None, None, step) for step in draw(steps(array.ndim)))]
    array = array.transpose(draw(st.permutations(range(array.ndim))))
    if draw(st.booleans()):
        array = array.astype(array.dtype.newbyteorder())
    array = np.asarray(array)
    if draw(st.booleans()):
        array = array.view()
        array.flags.writeable = False
    return array


@settings(max_examples=200, deadline=None)
@given(layouts())
def test_any_array_goes_there_and_back_unchanged(array):
    before = array.copy()
    there = convert(array, "numpy", "torch")
    back = convert(there.array, "torch", "numpy")
    assert (there.route, back.route) == ("dlpack", "dlpack")
    assert str(there.array.dtype) == f"torch.{array.dtype.name}"
    assert back.array.dtype == array.dtype.newbyteorder("=")
    assert back.array.shape == array.shape
    np.testing.assert_array_equal(back.array, array)
    if back.array.size:
        back.array.flat[0] = 1
        if not array.flags.writeable:
            np.testing.assert_array_equal(array, before)


@settings(max_examples=60, deadline=None)
@given(ANY_ARRAY.filter(lambda a: a.size), st.booleans())
def test_both_ways_share_memory(array, fortran):
    array = np.asfortranarray(array) if fortran and array.ndim else array
    tensor = convert(array, "numpy", "torch").array
    assert tensor.data_ptr() == array.ctypes.data
    back = convert(tensor, "torch", "numpy").array
    assert back.ctypes.data == array.ctypes.data
    assert back.strides == array.strides or 1 in array.shape


def test_negative_strides_do_not_end_the_process():
    # torch.from_dlpack aborts on them; a regression would take the test run down, so that it
    # runs in a process of its own.
    code = (
        "import numpy as np\n"
        "from napari_openhcs.memory_types import convert\n"
        "print(convert(np.arange(6.)[::-1], 'numpy', 'torch').array.tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[5.0, 4.0, 3.0, 2.0, 1.0, 0.0]"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: torch.tensor([1.0, 2.0], requires_grad=True), [1, 2]),
        (lambda: torch.tensor([1 + 2j]).conj(), [1 - 2j]),
        (lambda: torch.tensor([1 + 2j]).conj().imag, [-2]),
        (lambda: torch.ones(1, 2).expand(3, 2), np.ones((3, 2))),
        (lambda: torch.arange(6).reshape(2, 3).T, np.arange(6).reshape(2, 3).T),
    ],
    ids=["gradient", "conjugate", "negative", "expanded", "transposed"],
)
def test_lazy_tensors_come_with_their_values(make, expected):
    np.testing.assert_array_equal(convert(make(), "torch", "numpy").array, expected)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.eye(3).to_sparse(),
        lambda: torch.zeros(3, device="meta"),
        lambda: torch.zeros(3, dtype=torch.bfloat16),
    ],
    ids=["sparse", "meta", "bfloat16"],
)
def test_tensors_without_counterpart_are_refused(make):
    with pytest.raises(ConversionError):
        convert(make(), "torch", "numpy")


def test_real_out_of_memory_is_recognised():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert MEMORY_TYPES["torch"].is_out_of_memory(caught.value)
    assert MEMORY_TYPES["torch"].is_out_of_memory(torch.OutOfMemoryError("x"))


@pytest.mark.gpu
def test_gpu_there_and_back_on_a_stream_of_each_thread():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    array = np.arange(12, dtype="float32").reshape(3, 4)
    torch_type, streams = MEMORY_TYPES["torch"], []

    def work():
        with torch_type.stream("cuda:0"):
            streams.append(torch.cuda.current_stream())
            tensor = convert(array, "numpy", "torch", "cuda:0").array * 2
            back = convert(tensor, "torch", "numpy")
        assert back.route == "cpu"
        np.testing.assert_array_equal(back.array, array * 2)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
    assert streams[0] != streams[1]


@pytest.mark.gpu
def test_a_full_card_is_freed_and_the_work_ends_on_the_cpu():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    memory_type = MEMORY_TYPES["torch"]
    kept = []

    def work(device):
        while device != "cpu":
            kept.append(torch.empty(2**28, device=device))
        return "done on the CPU"

    def emptied():
        kept.clear()
        return work("cpu")

    with pytest.raises(torch.OutOfMemoryError):
        with_recovery(lambda: work("cuda:0"), memory_type, retries=0)
    kept.clear()
    got = with_recovery(lambda: work("cuda:0"), memory_type, retries=1, fallback=emptied)
    assert (got.value, got.retries, got.fell_back) == ("done on the CPU", 1, True)
    cleanup_all_gpu_frameworks()
    assert memory_type.free_memory("cuda:0") > 0.5 * memory_type.total_memory("cuda:0")
