/// Why something failed, as the store keeps it; the words of the service are richer.
package struct FaultRecord: Codable, Sendable, Equatable {
    /// `transient`, `permanent`, `operator`, `interrupted` or `bug`.
    package var kind: String
    package var code: String
    package var message: String
    package var hint: String
    package var details: [String]

    package init(kind: String, code: String, message: String, hint: String, details: [String]) {
        self.kind = kind
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details
    }
}

/// A DICOM Series that was received.
package struct SeriesRecord: Codable, Sendable, Equatable {
    package var number: Int64
    package var seriesInstanceUID: String
    /// `collecting` or `sealed`.
    package var state: String
    package var revision: Int
    /// A marker file says that the sender is done.
    package var marker: Bool
    package var waitingFor: String?
    package var createdAt: Int64
    package var lastArrivalAt: Int64
    package var sealedAt: Int64?
}

/// A file that was received.
package struct InstanceRecord: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable {
        case parsing, taking, image, reference, ignored, quarantined, repeated, deleted
    }
    package var number: Int64
    package var seriesNumber: Int64?
    package var state: State
    package var sopInstanceUID: String?
    /// Where the user put it. May name a patient: shown by `contourctl show` alone.
    package var inboxPath: String
    /// Size and times by which a changed file is told.
    package var snapshot: String
    package var storedPath: String?
    /// Where it lies until it is moved to `storedPath`; nil when it lies there.
    package var movingFrom: String?
    /// The header as JSON, opaque here.
    package var header: String?
    /// What the header of a damaged file still says, as JSON, opaque here.
    package var claims: String?
    package var digest: String?
    package var code: String?
    package var reason: String?
    package var attempts: Int
    package var receivedAt: Int64
}

/// What a damaged file says that it is.
package struct InstanceClaims: Sendable, Equatable {
    /// Empty where it says nothing, as is the next.
    package var seriesInstanceUID: String
    package var sopInstanceUID: String
    /// All of it, as JSON, opaque here.
    package var header: String

    package init(seriesInstanceUID: String, sopInstanceUID: String, header: String) {
        self.seriesInstanceUID = seriesInstanceUID
        self.sopInstanceUID = sopInstanceUID
        self.header = header
    }
}

/// One passage of one stack through the stages.
package struct RunRecord: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable { case working, delivering, delivered, cancelled }
    package var number: Int64
    package var seriesNumber: Int64
    /// `contouring` or `evaluation`.
    package var kind: String
    package var stack: String
    package var revision: Int
    package var model: String
    package var contentDigest: String
    package var modelDigest: String
    package var configurationDigest: String
    package var softwareVersion: String
    /// The request as JSON, opaque here.
    package var request: String
    package var baseRunNumber: Int64?
    package var state: State
    /// `delivered`, `review` or `refused`.
    package var verdict: String?
    package var deliveredName: String
    package var deliverySource: String?
    /// The outbox as it was when `deliverySource` was made.
    package var deliveryPlace: String?
    package var createdAt: Int64
    package var deliveredAt: Int64?
}

/// One stage of one run.
package struct JobRecord: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable {
        case available, running, held, completed, discarded, cancelled
    }
    package var number: Int64
    package var runNumber: Int64
    package var stage: String
    package var state: State
    package var attempts: Int
    package var availableAt: Int64
    package var startedAt: Int64?
    package var finishedAt: Int64?
    package var fault: FaultRecord?
}

/// A run to be made when a series is sealed.
package struct NewRun: Sendable {
    package var kind: String
    package var stack: String
    package var model: String
    package var contentDigest: String
    package var modelDigest: String
    package var configurationDigest: String
    package var softwareVersion: String
    package var baseRunNumber: Int64?
    package var firstStage: String
    /// The request and the name in the outbox for a revision.
    package var request: @Sendable (_ revision: Int) throws -> (json: String, deliveredName: String)

    package init(
        kind: String,
        stack: String,
        model: String,
        contentDigest: String,
        modelDigest: String,
        configurationDigest: String,
        softwareVersion: String,
        baseRunNumber: Int64? = nil,
        firstStage: String,
        request: @escaping @Sendable (_ revision: Int) throws -> (json: String, deliveredName: String)
    ) {
        self.kind = kind
        self.stack = stack
        self.model = model
        self.contentDigest = contentDigest
        self.modelDigest = modelDigest
        self.configurationDigest = configurationDigest
        self.softwareVersion = softwareVersion
        self.baseRunNumber = baseRunNumber
        self.firstStage = firstStage
        self.request = request
    }
}
