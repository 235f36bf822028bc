"""moto on 127.0.0.1 and a port of its choice, with one of its rules put right.

A bucket with Object Lock takes an object with Content-MD5 or with any x-amz-checksum- header, as S3's own refusal says;
moto looks only at Content-MD5 and at the name of the algorithm, which SDKs send besides.
"""

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

ALGORITHM = "HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM"
aws = DomainDispatcherApplication(create_backend_app)


def served(environ, start_response):
    if environ.get("HTTP_X_AMZ_CHECKSUM_SHA256"):
        environ.setdefault(ALGORITHM, "SHA256")
    return aws(environ, start_response)


run_simple("127.0.0.1", 0, served, threaded=True)
