import Pipeline
import Store

/// What `contourctl` asks the service; one JSON object on a line.
package enum ControlRequest: Codable, Sendable {
    case status
    case list
    case show(Int64)
    case find(seriesInstanceUID: String)
    /// Files that belong to no series: in quarantine, or left in the inbox.
    case files
    /// What references said about delivered contours.
    case outcomes
    /// Where the structures that a run scored differ most from the reference.
    case worstPictures(run: Int64)
    case retry(Int64)
    case cancel(Int64)
    case pause
    case resume
    /// Read the configuration again.
    case reload
}

/// The answer; one JSON object on a line.
package enum ControlReply: Codable, Sendable {
    case status(ServiceStatus)
    case list([SeriesSummary])
    case show(SeriesDetails)
    case files([SeriesDetails.InstanceLine])
    case outcomes([OutcomeLine])
    case worstPictures([WorstPictureRecord])
    case done(String)
    case failed(String)
}

package struct ServiceStatus: Codable, Sendable {
    package var version: String
    /// Whether a service answers; false when `contourctl` read the database itself.
    package var isRunning: Bool
    /// What keeps work from going on, in the order in which it is to be mended.
    package var stops: [Stop]
    package var jobs: [String: Int]
    package var arrivingSeries: Int
    package var quarantinedFiles: Int
    package var ignoredFiles: Int
    package var working: [WorkingJob]
    /// What the service runs with; nil when none runs.
    package var configuration: RunningConfiguration?

    package struct RunningConfiguration: Codable, Sendable {
        /// The file that it was read from; nil: the defaults.
        package var path: String?
        package var digest: String
    }

    package struct Stop: Codable, Sendable, Equatable {
        package enum Kind: String, Codable, Sendable {
            case failing, pausedByFault, noModel, held, notDelivered, inboxAway, pausedByOperator
        }
        package var kind: Kind
        /// Of the fault; nil for an operator's pause.
        package var code: String?
        /// A sentence, or several.
        package var reason: String
        /// What to do before the command; empty for an operator's pause.
        package var hint: String
        /// What makes the work go on after that; empty where it goes on by itself.
        package var command: String
        /// Series that are held; empty where all are concerned.
        package var series: [Int64]
    }

    package struct WorkingJob: Codable, Sendable {
        package var series: Int64
        package var stage: String
        package var progress: Double
    }
}

/// One line of `contourctl list`.
package struct SeriesSummary: Codable, Sendable {
    package var number: Int64
    /// `collecting`, `queued`, `working`, `held`, `delivered`, `review`, `refused` or `cancelled`.
    package var state: String
    package var images: Int
    package var revision: Int
    package var stage: String?
    package var waitingFor: String?
    package var receivedAt: Int64
    package var deliveredName: String?
    package var fault: String?
}

/// What `contourctl show` tells. Paths may name a patient.
package struct SeriesDetails: Codable, Sendable {
    package var summary: SeriesSummary
    package var series: SeriesRecord
    package var instances: [InstanceLine]
    package var references: [InstanceLine]
    package var runs: [Run]

    package struct InstanceLine: Codable, Sendable {
        package var number: Int64
        package var state: String
        package var inboxPath: String
        package var reason: String?
    }

    package struct Run: Codable, Sendable {
        package var number: Int64
        package var kind: String
        package var stack: String
        package var revision: Int
        package var model: String
        package var state: String
        package var verdict: String?
        package var deliveredName: String
        package var deliveredAt: Int64?
        package var jobs: [JobRecord]
    }
}

/// What a reference said about one structure that was delivered.
package struct OutcomeLine: Codable, Sendable {
    package var series: Int64
    package var stack: String
    /// The run that scored, and the one whose contours were scored.
    package var run: Int64
    package var contouringRun: Int64
    package var deliveredName: String
    package var model: String
    package var modelDigest: String
    package var structure: String
    /// `scored`, `edited`, `unedited` or `removed`.
    package var status: String
    package var approval: String?
    /// Scores of the structure as JSON; nil where nothing is scored.
    package var scores: String?
    package var recordedAt: Int64
}
