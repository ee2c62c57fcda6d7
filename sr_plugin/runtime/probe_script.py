"""Runs inside a candidate Python and prints one JSON line: version, packages, devices.

Its text is passed with ``-c``, so it must stand alone and keep to syntax that any Python 3 can read.
"""

import importlib
import importlib.util
import json
import os
import platform
import site
import sys

# Distribution name -> module to import. An import shows that a package not only lies there, but loads.
LOADED = {"numpy": "numpy", "onnxruntime": "onnxruntime", "torch": "torch"}
LISTED = (
    "openvino",
    "scikit-image",
    "matplotlib",
    "spandrel",
    "onnx",
    "safetensors",
    "h5py",
    "lightning-fabric",
    "torchmetrics",
)


def _versions(problems):
    from importlib import metadata

    found = {}
    for name in list(LOADED) + list(LISTED):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            # onnxruntime comes under several names, one for each kind of device.
            if name == "onnxruntime" and importlib.util.find_spec(name) is not None:
                found[name] = "unknown"
    for name, module in LOADED.items():
        if name not in found:
            continue
        try:
            loaded = importlib.import_module(module)
            found[name] = str(getattr(loaded, "__version__", found[name]))
        except Exception as error:
            text = (str(error).strip() or type(error).__name__).splitlines()[0]
            problems.append("%s %s is installed but does not load (%s)" % (name, found.pop(name), text))
    return found


def _processor():
    if os.path.isfile("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.lower().startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory_mb():
    try:
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1048576)
    except (AttributeError, ValueError, OSError):
        return 0


def _devices():
    devices = [{"id": "cpu", "name": _processor(), "memory_mb": _memory_mb()}]
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(index)
            memory = int(about.total_memory / 1048576)
            devices.append({"id": "cuda:%d" % index, "name": about.name, "memory_mb": memory})
    elif "onnxruntime" in sys.modules:
        if "CUDAExecutionProvider" in sys.modules["onnxruntime"].get_available_providers():
            devices.append({"id": "cuda:0", "name": "CUDA", "memory_mb": 0})
    if "onnxruntime" in sys.modules and "DmlExecutionProvider" in sys.modules["onnxruntime"].get_available_providers():
        devices.append({"id": "dml", "name": "DirectML", "memory_mb": 0})
    devices.extend(_intel_gpus())
    mps = getattr(getattr(torch, "backends", None), "mps", None)
    if mps is not None and mps.is_available():
        devices.append({"id": "mps", "name": "Apple " + platform.machine(), "memory_mb": _memory_mb()})
    return devices


def _intel_gpus():
    """GPUs that OpenVINO reaches; on most machines there are none, and OpenVINO is not installed."""
    if importlib.util.find_spec("openvino") is None:
        return []
    # Its telemetry is made to fail, so that nothing is sent.
    sys.modules.setdefault("openvino_telemetry", None)
    core = importlib.import_module("openvino").Core()
    found = [name for name in core.available_devices if name.split(".")[0] == "GPU"]
    names = [str(core.get_property(name, "FULL_DEVICE_NAME")) for name in found]
    return [{"id": "xpu:%d" % index, "name": name, "memory_mb": 0} for index, name in enumerate(names)]


def _site_folders():
    folders = list(site.getsitepackages()) if hasattr(site, "getsitepackages") else []
    folders += [folder for folder in sys.path if folder.endswith("-packages")]
    return sorted({os.path.abspath(folder) for folder in folders if os.path.isdir(folder)})


def main():
    """Print what this Python has."""
    problems = []
    answer = {"version": ".".join(str(part) for part in sys.version_info[:3]), "executable": sys.executable}
    answer["packages"] = _versions(problems) if sys.version_info >= (3, 8) else {}
    try:
        answer["devices"] = _devices()
    except Exception as error:
        answer["devices"] = []
        problems.append("its devices cannot be listed (%s)" % error)
    answer["site_folders"] = _site_folders()
    answer["makes_environments"] = all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))
    answer["problem"] = "; ".join(problems)
    print("\n" + json.dumps(answer))


if __name__ == "__main__":
    main()
