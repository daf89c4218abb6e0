//! The methods that GearmanClient and GearmanWorker both have. A new one is written here once, declared in the stub for both
//! classes, and is there.
use crate::call::Call;
use crate::endpoint::{Endpoint, tls};

/// GEARMAN_WORKER_WAIT_TIMEOUT: the timeout, in milliseconds, once the option that asks for one was removed.
const WAIT_TIMEOUT: i64 = 10_000;

/// setTimeout().
pub(crate) fn set_timeout<T: Endpoint>(call: Call, this: &T, timeout: i64) {
    let common = this.common();
    common.timeout.set(timeout);
    common.options.set(common.options.get() | T::TIMEOUT_OPTION);
    this.rouse();
    call.returns(true);
}

/// setOptions() and its kin: what becomes of the options that may be changed. All others stay.
pub(crate) fn change_options<T: Endpoint>(call: Call, this: &T, change: impl FnOnce(i64) -> i64) {
    let common = this.common();
    let old = common.options.get();
    let new = change(old & T::CHANGEABLE) & T::CHANGEABLE | old & !T::CHANGEABLE;
    if old & !new & T::TIMEOUT_OPTION != 0 {
        common.timeout.set(WAIT_TIMEOUT);
    }
    common.options.set(new);
    if (old ^ new) & T::TLS_OPTION != 0 {
        tls::apply(this);
    }
    call.returns(true);
}

/// Makes the handlers of a class: where this stands, there they are.
macro_rules! endpoint_methods {
    ($class:ty) => {
        $crate::call::handlers! {
            /// Harmless when called twice or never.
            fn construct(call) {
                $crate::endpoint::servers::add_defaults(args!(call, $class, ""));
            }
            /// The end of the object does what there is to do.
            fn destruct(call) {
                args!(call, $class, "");
            }
            fn return_code(call) {
                call.returns(args!(call, $class, "").common().last_error.code());
            }
            fn error(call) {
                call.returns(args!(call, $class, "").common().last_error.error());
            }
            fn get_errno(call) {
                args!(call, $class, "");
                call.returns(0);
            }

            fn options(call) {
                call.returns(args!(call, $class, "").common().options.get());
            }
            fn set_options(call) {
                let mut given = 0i64;
                let this = args!(call, $class, "l", &mut given);
                // What does not name it leaves TLS on: no old program goes on in the open for it.
                let tls = <$class as $crate::endpoint::Endpoint>::TLS_OPTION;
                $crate::endpoint::methods::change_options(call, this, |old| given | old & tls);
            }
            fn add_options(call) {
                let mut given = 0i64;
                let this = args!(call, $class, "l", &mut given);
                $crate::endpoint::methods::change_options(call, this, |old| old | given);
            }
            fn remove_options(call) {
                let mut given = 0i64;
                let this = args!(call, $class, "l", &mut given);
                $crate::endpoint::methods::change_options(call, this, |old| old & !given);
            }
            fn timeout(call) {
                call.returns(args!(call, $class, "").common().timeout.get());
            }
            fn set_timeout(call) {
                let mut timeout = 0i64;
                let this = args!(call, $class, "l", &mut timeout);
                $crate::endpoint::methods::set_timeout(call, this, timeout);
            }

            fn set_ssl(call) {
                let (mut on, mut ca_file, mut certificate, mut key) = (true, Str::NULL, Str::NULL, Str::NULL);
                let this = args!(call, $class, "|bP!P!P!", &mut on, &mut ca_file, &mut certificate, &mut key);
                $crate::endpoint::tls::set_ssl(call, this, on, [ca_file, certificate, key]);
            }

            fn add_server(call) {
                let (mut host, mut port, mut setup) = (Str::NULL, 0i64, true);
                let this = args!(call, $class, "|S!lb", &mut host, &mut port, &mut setup);
                $crate::endpoint::servers::add_server(call, this, host, port, setup);
            }
            fn add_servers(call) {
                let (mut list, mut setup) = (Str::NULL, true);
                let this = args!(call, $class, "|S!b", &mut list, &mut setup);
                $crate::endpoint::servers::add_servers(call, this, list, setup);
            }
            fn enable_exception_handler(call) {
                $crate::endpoint::servers::enable_exception_handler(call, args!(call, $class, ""));
            }
            fn get_streams(call) {
                $crate::endpoint::streams::get_streams(call, args!(call, $class, ""));
            }
            fn ping(call) {
                let mut data = Str::NULL;
                let this = args!(call, $class, "S", &mut data);
                let answered = this.ping(data.or_empty());
                this.common().last_error.end(call, answered);
            }
        }
    };
}
pub(crate) use endpoint_methods;
