import Dicom
import Pipeline

/// What a worker is asked to do; one JSON object on a line.
enum WorkerRequest: Codable, Sendable {
    /// Read a file's header and digest.
    case header(path: String)
    /// Run one stage in a run folder.
    case stage(name: StageName, folder: String, threads: Int, memoryBudgetMB: Int)
}

/// What a worker answers.
enum WorkerReply: Codable, Sendable {
    case progress(Double, String)
    /// It begins to read the file that it was given.
    case reading
    case header(InstanceHeader, digest: String)
    case done
    case fault(Fault)
    /// A file that cannot be used, and what its header still says.
    case damaged(Fault, DamagedHeader)
}
