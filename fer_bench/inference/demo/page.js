() => {
  const say = (text) => { document.getElementById("camera-trouble").textContent = text; };
  const reasons = {
    NotFoundError: "No camera was found: connect one, then click the camera again.",
    NotAllowedError: "The browser may not use the camera: allow it in the address bar, then click the camera again.",
    NotReadableError: "The camera is used by another program: close that one, then click the camera again.",
    OverconstrainedError: "The camera gives no picture of a size that is understood: try another one.",
  };
  const devices = navigator.mediaDevices;
  if (!devices) {
    say("No camera here: browsers give one only to this machine's own pages (127.0.0.1) and to https.");
    return;
  }
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (wanted) => ask(wanted).then(
    (stream) => {
      say("");
      for (const image of document.querySelectorAll("#camera img")) image.alt = "Your camera, each face in a box";
      return stream;
    },
    (error) => {
      say(reasons[error.name] || `The camera can't be used: ${error.message || error.name}.`);
      throw error;
    });
}
