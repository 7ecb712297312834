//! What `ebb audit` finds in the Python of a real service: libraries that are not used, an object-relational mapper, no
//! bytecode; and that it finds nothing where there is nothing.

use std::path::Path;

use crate::harness::skip;
use crate::helpers::audited::{Service, python_with};
use crate::helpers::proc::python;

#[test]
fn a_library_that_is_loaded_and_not_used_is_named_and_one_in_use_is_not() {
    let Some(python) = python_with("numpy") else {
        let why = "there is no Python with numpy; tests/run.sh installs one";
        return skip(
            "audit_python::a_library_that_is_loaded_and_not_used_is_named_and_one_in_use_is_not",
            why,
        );
    };
    let source = |work: &str| {
        format!(
            "import time, numpy\na = numpy.random.rand(200, 200)\nnumpy.linalg.inv(a)\nopen('ready', 'w').close()\nwhile True:\n    {work}\n"
        )
    };
    // It works, with something else.
    let service = Service::python(&python, &source("sum(range(20_000))"), &[]);
    let audit = service.audit_until(&["--for", "1s", "--touch"], |audit| audit.has("unused-libraries"));
    let libraries = &audit.finding("unused-libraries")["evidence"]["libraries"];
    assert_eq!(libraries[0]["name"], "numpy", "{libraries}");
    assert!(libraries[0]["bytes"].as_u64().unwrap() > 4 << 20, "{libraries}");
    assert!(!audit.has("resident-idle"), "{}", audit.service);
    // Of what works nothing is said without a look at its pages.
    service.audit_until_silent(&["--for", "1s"]);
    drop(service);

    let service = Service::python(&python, &source("numpy.linalg.inv(a); time.sleep(0.001)"), &[]);
    service.audit_until_silent(&["--for", "1s", "--touch"]);
}

#[test]
fn an_object_relational_mapper_is_a_hint_and_a_driver_is_none() {
    let Some(python) = python_with("sqlalchemy.orm") else {
        let why = "there is no Python with SQLAlchemy; tests/run.sh installs one";
        return skip("audit_python::an_object_relational_mapper_is_a_hint_and_a_driver_is_none", why);
    };
    let source = |imports: &str| {
        format!("import time\nif 1:\n    {imports}\nopen('ready', 'w').close()\ntime.sleep(600)\n")
    };
    let service = Service::python(&python, &source("import sqlalchemy.orm"), &[]);
    let audit = service.audit(&["--for", "500ms"]);
    let finding = audit.finding("orm");
    assert_eq!(finding["evidence"]["orm"], "sqlalchemy", "{finding}");
    assert!(finding["advice"].as_str().unwrap().contains("hint"), "{finding}");
    let service = Service::python(&python, &source("import sqlite3"), &[]);
    assert!(!service.audit(&["--for", "500ms"]).has("orm"));
}

#[test]
fn a_package_without_bytecode_is_named_and_one_with_it_is_not() {
    let source = "import time, app\nopen('ready', 'w').close()\ntime.sleep(600)\n";
    let start = |environment: &[(&str, &str)]| {
        let dir = tempfile::Builder::new().prefix("ebb-audit-").tempdir().unwrap();
        std::fs::write(dir.path().join("service.py"), source).unwrap();
        std::fs::create_dir(dir.path().join("app")).unwrap();
        std::fs::write(dir.path().join("app/__init__.py"), "name = 'app'\n").unwrap();
        Service::python_in(dir, Path::new(python()), environment)
    };
    let service = start(&[("PYTHONDONTWRITEBYTECODE", "1")]);
    let audit = service.audit(&["--for", "500ms"]);
    let evidence = &audit.finding("no-bytecode-cache")["evidence"];
    assert_eq!(evidence["forbidden_by"], "PYTHONDONTWRITEBYTECODE", "{evidence}");
    let app = service.path("app").display().to_string();
    assert!(evidence["missing"].as_array().unwrap().iter().any(|dir| *dir == app), "{evidence}");
    drop(service);

    let service = start(&[]);
    assert!(service.path("app/__pycache__").is_dir());
    assert!(!service.audit(&["--for", "500ms"]).has("no-bytecode-cache"));
    // An empty variable forbids nothing, as Python has it.
    let service = start(&[("PYTHONDONTWRITEBYTECODE", "")]);
    assert!(!service.audit(&["--for", "500ms"]).has("no-bytecode-cache"));
}
