//! When a job is due: crontab grammar, zones and DST. Pure: reads no clock, touches no file.
