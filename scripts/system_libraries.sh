#!/usr/bin/env bash
# The system libraries a napari window needs: installed on Debian and Ubuntu as root,
# elsewhere named.  Where there is a display and the libraries are there, does nothing.
# With "opencl": PoCL, on which pyclesperanto runs on the CPU; without it its tests are skipped.
set -eu

packages=(
  xvfb xauth libegl1 libgl1 libgl1-mesa-dri libopengl0 libglx-mesa0 libxkbcommon-x11-0
  libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
  libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 libdbus-1-3
  libfontconfig1 fonts-dejavu-core
)
[ "${1:-}" = opencl ] && packages=(pocl-opencl-icd ocl-icd-libopencl1)

[ "$(uname -s)" = Linux ] || exit 0

if ! command -v dpkg-query >/dev/null; then
  echo "If the window does not open, install with your package manager what Debian calls:"
  echo "  ${packages[*]}"
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "These system libraries are missing; install them, then run make again:"
  echo "  sudo apt-get install ${missing[*]}"
  # Without a screen nothing would open; with one the window may still work.
  [ "${1:-}" = opencl ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || exit 1
fi
