"""What an ordinary Varlink client does with ebbd, by the `varlink` package. Prints one JSON object."""

import json
import sys

import varlink

client = varlink.Client.new_with_address("unix:" + sys.argv[1])
seen = {"interfaces": client.get_interfaces(), "info": client.info}
interface = client.get_interface("io.ebb.Control")
seen["methods"] = sorted(interface.members)
with client.open("io.ebb.Control") as ebb:
    seen["run"] = ebb.RunNow(job="hello", wait=True)
    seen["both"] = list(ebb.RunNow(job="hello", wait=True, _more=True))
    seen["waited"] = ebb.Wait(seen["run"]["run"])
    seen["next"] = ebb.Next(job="ticking")
    seen["status"] = list(ebb.Status(_more=True))
    seen["one"] = ebb.Status(job="hello")
    seen["stopped"] = ebb.Stop(job="hello")
    ebb.Pause(job="ticking")
    ebb.Resume(job="ticking")
    ebb.Input(data="eA==")
    seen["reload"] = ebb.Reload()
    seen["doctor"] = ebb.Doctor()
    try:
        ebb.RunNow(job="none")
    except varlink.VarlinkError as error:
        seen["error"] = [error.error(), error.parameters()]
    seen["history"] = list(ebb.History(_more=True))
    ebb.RunNow(job="hello", _oneway=True)
    seen["after oneway"] = ebb.Status(job="hello")["job"]["job"]
print(json.dumps(seen))
